-- The load for wrk: makes the requests of one scenario, and checks every answer.
--
--   wrk … -s load.lua URL -- scenario=… document=… crowd=… run=… [load=…] [zipf=…] …
--
-- document: the file with the GraphQL document.
-- crowd: the file that crowd.py writes.
-- run: new for each run, so that no idempotency key was ever used before.
-- The others are each scenario's own. done() prints one line of JSON.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("thread_number", #threads)
end

-- In each thread -------------------------------------------------------------------------

answers, wrong, first_wrong, clients = 0, 0, "", 0

local people, wallets, owned, zipf = {}, {}, {}, {}
local options, scenario, path = {}, nil, "/graphql"
local next_key = 0

local function read_crowd(file)
  for line in io.lines(file) do
    local kind, first, second = line:match("^(%S+) (%S+) ?(%S*)$")
    if kind == "person" then
      table.insert(people, first)
      owned[#people] = {}
    elseif kind == "wallet" then
      local owner = tonumber(first)
      table.insert(wallets, { id = second, owner = owner })
      table.insert(owned[owner], #wallets)
    end
  end
end

local function read_zipf(file)
  for line in io.lines(file) do
    table.insert(zipf, tonumber(line))
  end
end

local function read_text(file)
  local handle = assert(io.open(file))
  local text = handle:read("*a")
  handle:close()
  return text
end

local function quote(text)
  return '"' .. text:gsub('[\\"]', "\\%0"):gsub("\n", "\\n") .. '"'
end

local function post(person, body)
  return table.concat({
    "POST ", path, " HTTP/1.1\r\nHost: ", wrk.host,
    "\r\nContent-Type: application/json\r\nAuthorization: Bearer ", people[person],
    "\r\nContent-Length: ", #body, "\r\n\r\n", body,
  })
end

local function key()
  next_key = next_key + 1
  return options.run .. "-" .. thread_number .. "-" .. next_key
end

local function any_but(other)
  local number = math.random(#wallets - 1)
  return number < other and number or number + 1
end

local pairs_of = {
  uniform = function()
    local source = math.random(#wallets)
    return source, any_but(source)
  end,
  zipf = function()
    local source = zipf[math.random(#zipf)]
    local target = zipf[math.random(#zipf)]
    if source == target then target = any_but(source) end
    return source, target
  end,
  hot = function()
    return any_but(1), 1
  end,
}

local function transfer_input(source, target)
  return table.concat({
    '{"sourceWalletId":"', wallets[source].id, '","targetWalletId":"', wallets[target].id,
    '","amount":{"amount":"0.01","currency":"EUR"},"idempotencyKey":"', key(), '"}',
  })
end

local function count_of(body, words)
  local found, from = 0, 1
  while true do
    local _, last = body:find(words, from, true)
    if not last then return found end
    found, from = found + 1, last + 1
  end
end

local scenarios = {}

-- One transfer a request, by the owner of its source.
scenarios.transfer = {
  request = function()
    local source, target = pairs_of[options.load]()
    local input = transfer_input(source, target)
    return post(wallets[source].owner, options.before .. '{"input":' .. input .. "}}")
  end,
  is_right = function(body)
    return body:find('{"data":{"transfer":{"__typename":"OperationPayload"', 1, true) == 1
      and body:find('"status":"COMPLETED","amount":{"amount":"0.01","currency":"EUR"}', 1, true)
      and body:find('"replayed":false', 1, true)
  end,
}

-- A batch of one person's transfers to anybody.
scenarios.batch = {
  request = function()
    local person = math.random(#people)
    local sources, inputs = owned[person], {}
    for i = 1, options.size do
      local source = sources[math.random(#sources)]
      inputs[i] = transfer_input(source, any_but(source))
    end
    return post(person, table.concat({
      options.before, '{"input":{"mode":"', options.mode, '","transfers":[',
      table.concat(inputs, ","), "]}}}",
    }))
  end,
  is_right = function(body)
    return body:find('{"data":{"transferBatch":{"__typename":"TransferBatchPayload"', 1, true) == 1
      and count_of(body, '{"__typename":"OperationPayload"') == options.size
      and count_of(body, '"status":"COMPLETED"') == options.size
      and count_of(body, '"replayed":false') == options.size
  end,
}

-- Who am I, which wallets have I, and how does this one stand.
scenarios.overview = {
  request = function()
    local number = math.random(#wallets)
    local wallet = wallets[number]
    return post(wallet.owner, options.before .. '{"id":"' .. wallet.id .. '"}}')
  end,
  is_right = function(body)
    return body:find('{"data":{"viewer":{"id":"', 1, true) == 1
      and body:find('"wallet":{"id":"', 1, true)
      and not body:find('"errors"', 1, true)
  end,
}

-- A page of wallet 1's statement; options.after is its cursor, or empty for the newest.
scenarios.page = {
  request = function()
    local after = options.after == "" and "null" or '"' .. options.after .. '"'
    local variables = '{"id":"' .. wallets[1].id .. '","after":' .. after .. "}}"
    return post(wallets[1].owner, options.before .. variables)
  end,
  is_right = function(body)
    return body:find('{"data":{"wallet":{"operations":{"edges":[{"cursor":"', 1, true) == 1
      and body:find('"sequence":' .. options.newest .. ",", 1, true)
      and count_of(body, '"sequence":') == 50
  end,
}

function init(arguments)
  for _, argument in ipairs(arguments) do
    local name, value = argument:match("^(%w+)=(.*)$")
    options[name] = value
  end
  options.size, clients = tonumber(options.size), tonumber(options.clients)
  scenario = scenarios[options.scenario]
  options.before = '{"query":' .. quote(read_text(options.document)) .. ',"variables":'
  read_crowd(options.crowd)
  if options.load == "zipf" then read_zipf(options.zipf) end
  math.randomseed(os.time() * 100 + thread_number)
end

function request()
  return scenario.request()
end

function response(status, _, body)
  answers = answers + 1
  if status ~= 200 or not scenario.is_right(body) then
    wrong = wrong + 1
    if wrong == 1 then first_wrong = status .. " " .. body:sub(1, 600) end
  end
end

-- At the end, in the main thread -----------------------------------------------------------

-- wrk knows only the answers that came. A client that was left waiting until the end would
-- go unseen; so those count as answers that took as long as they have waited, where that is
-- longer than usual. (A client is waiting whenever it is not reading an answer.)
local function percentile(percent, latency, answered, clients, duration)
  if answered == 0 then return duration end
  local waited = (clients * duration - latency.mean * answered) / clients
  if waited <= latency:percentile(50) then return latency:percentile(percent) end
  local rank = percent / 100 * (answered + clients)
  if rank <= answered then
    local value = latency:percentile(100 * rank / answered)
    if value <= waited then return value end
  end
  local below = math.max(0, rank - clients)
  return math.max(waited, latency:percentile(100 * below / answered))
end

function done(summary, latency, _)
  local answered, failed, example = 0, 0, ""
  local clients = threads[1]:get("clients")
  for _, thread in ipairs(threads) do
    answered = answered + thread:get("answers")
    failed = failed + thread:get("wrong")
    if example == "" then example = thread:get("first_wrong") end
  end
  local errors = summary.errors
  local ascii = example:gsub("[^\32-\126]", "?")
  io.write(string.format(
    '\n{"answers":%d,"wrong":%d,"first_wrong":%s,"duration_us":%d,"p50_us":%d,"p99_us":%d,'
      .. '"connect_errors":%d,"read_errors":%d,"write_errors":%d,"status_errors":%d,"timeouts":%d}\n',
    answered, failed, quote(ascii), summary.duration,
    percentile(50, latency, answered, clients, summary.duration),
    percentile(99, latency, answered, clients, summary.duration),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout
  ))
end
