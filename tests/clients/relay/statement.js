// The documents, as a component would have them; relay-compiler reads them, and nobody runs them.
const { graphql } = require("relay-runtime");

// docs: documents
exports.query = graphql`
  query statementQuery($id: ID!, $first: Int!) {
    wallet(id: $id) {
      ...statement_wallet @arguments(first: $first)
    }
  }
`;

exports.fragment = graphql`
  fragment statement_wallet on Wallet
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" })
  @refetchable(queryName: "statementPaginationQuery") {
    balance {
      amount
      currency
    }
    operations(first: $first, after: $after) @connection(key: "statement_operations") {
      edges {
        sequence
        amount {
          amount
        }
        node {
          kind
        }
      }
    }
  }
`;

exports.topup = graphql`
  mutation statementTopupMutation($input: TopupInput!) {
    topup(input: $input) {
      __typename
      ... on OperationPayload {
        wallet {
          balance {
            amount
            currency
          }
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`;
// docs: end
