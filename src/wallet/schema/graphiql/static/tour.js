// The page: GraphiQL with the explorer, the tour as its first tabs, and a small bar.
//
// React, ReactDOM, GraphiQL and GraphiQLPluginExplorer are globals of the scripts before this one.

import { createFetcher } from "./fetcher.js";
import { current, subscribe } from "./session.js";

const { React, ReactDOM, GraphiQL, GraphiQLPluginExplorer } = window;
const element = React.createElement;

// A namespace of our own: other GraphiQLs that were once open on the same localhost port keep
// their tabs, and this page does not show them.
const NAMESPACE = "wallet-graphiql";

// The tour's comments are read in windows of any width.
function useLineWrapping() {
  const { queryEditor, variableEditor } = GraphiQL.React.useEditorContext({ nonNull: true });
  React.useEffect(() => {
    for (const editor of [queryEditor, variableEditor]) editor?.setOption("lineWrapping", true);
  }, [queryEditor, variableEditor]);
}

function Bar({ signOut }) {
  useLineWrapping();
  const { accessToken, email } = React.useSyncExternalStore(subscribe, current);
  const name = element("span", { className: "bar-name" }, "Wallet");
  if (accessToken === undefined) return element("div", { className: "bar" }, name);
  return element(
    "div",
    { className: "bar" },
    element("span", { className: "bar-address", title: email }, `Signed in as ${email ?? "…"}`),
    element("span", { "aria-hidden": true }, "·"),
    element("button", { type: "button", onClick: signOut }, "Sign out"),
    name,
  );
}

// The keys under which GraphiQL keeps past requests, with their headers, whatever it is told about
// persisting those. An access token typed there must not stay in the browser.
const HISTORY = new Set(["graphiql:queries", "graphiql:favorites"]);

function openStorage() {
  const storage = GraphiQL.createLocalStorage({ namespace: NAMESPACE });
  const { setItem } = storage;
  const withoutHeaders = (name, value) => (name === "headers" ? undefined : value);
  storage.setItem = (key, value) =>
    setItem(key, HISTORY.has(key) ? JSON.stringify(JSON.parse(value, withoutHeaders)) : value);
  return storage;
}

// GraphiQL gives the first of its default tabs no variables: it takes them from the storage.
function seedFirstVisit(storage, [first]) {
  if (storage.getItem("graphiql:tabState") !== null) return;
  storage.setItem("graphiql:query", first.query);
  storage.setItem("graphiql:variables", first.variables);
}

async function start(root) {
  const documents = await (await fetch(new URL("documents.json", import.meta.url))).json();
  const { fetcher, signOut } = createFetcher(root.dataset.endpoint, documents);
  const storage = openStorage();
  seedFirstVisit(storage, documents.tabs);
  ReactDOM.createRoot(root).render(
    element(
      GraphiQL,
      {
        fetcher,
        storage,
        plugins: [GraphiQLPluginExplorer.explorerPlugin()],
        defaultTabs: documents.tabs,
        defaultQuery: documents.newTab,
        defaultEditorToolsVisibility: "variables",
        isHeadersEditorEnabled: true,
        shouldPersistHeaders: false,
        showPersistHeadersSettings: false,
      },
      element(GraphiQL.Logo, null, element(Bar, { signOut })),
    ),
  );
}

const root = document.getElementById("page");
try {
  await start(root);
} catch (error) {
  root.querySelector(".notice").textContent = `This page could not be loaded: ${error.message}.`;
  throw error;
}
