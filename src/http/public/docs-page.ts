/**
 * The page at `/docs`: it reads `/openapi.json` and shows it. One file, without anything from elsewhere; its policy lets it run this
 * script, use this style and read from this origin, and nothing more. What the document says goes in as text, never as HTML.
 */

/** Headers of the page; `nonce` is drawn anew for each answer. */
export function docsHeaders(nonce: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };
}

/** The page itself. */
export function docsPage(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Reeve API</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<main><h1>Reeve API</h1><p id="state" role="status">Reading /openapi.json …</p></main>
<noscript><p>This page shows <a href="/openapi.json">/openapi.json</a> with a script.</p></noscript>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
details { border: 1px solid #8886; border-radius: 6px; margin: .5rem 0; padding: .5rem .75rem; }
summary { cursor: pointer; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { overflow: auto; padding: .75rem; border-radius: 6px; background: #8882; }
`;

const SCRIPT = `
const add = (parent, tag, text) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
};
const schemaOf = (content) => Object.values(content ?? {})[0]?.schema;
const nameOf = (schema) => schema?.$ref?.split('/').at(-1);
const addSchema = (parent, schema) => {
  if (schema === undefined) return;
  const name = nameOf(schema);
  if (name === undefined) return void add(parent, 'pre', JSON.stringify(schema, null, 2));
  const link = add(add(parent, 'p'), 'a', name);
  link.href = '#' + name;
};
const addOperation = (parent, path, method, operation) => {
  const box = add(parent, 'details');
  box.id = operation.operationId;
  const head = add(box, 'summary');
  add(head, 'code', method.toUpperCase() + ' ' + path);
  add(head, 'span', ' ' + (operation.summary ?? ''));
  if (operation.description) add(box, 'p', operation.description);
  for (const { name, in: where, required } of operation.parameters ?? [])
    add(box, 'p', name + ' (' + where + (required ? ', required)' : ')'));
  if (operation.requestBody) {
    add(box, 'h4', 'Body');
    addSchema(box, schemaOf(operation.requestBody.content));
  }
  add(box, 'h4', 'Answers');
  for (const [status, { description, content }] of Object.entries(operation.responses ?? {})) {
    add(box, 'p', status + ' ' + description);
    addSchema(box, schemaOf(content));
  }
};
const show = (api) => {
  const main = document.querySelector('main');
  add(main, 'p', api.info.description);
  for (const [path, item] of Object.entries(api.paths))
    for (const [method, operation] of Object.entries(item)) addOperation(main, path, method, operation);
  add(main, 'h2', 'Schemas');
  for (const [name, schema] of Object.entries(api.components?.schemas ?? {})) {
    const box = add(main, 'details');
    box.id = name;
    add(add(box, 'summary'), 'code', name);
    add(box, 'pre', JSON.stringify(schema, null, 2));
  }
};
const state = document.querySelector('#state');
fetch('/openapi.json')
  .then((answer) => answer.json())
  .then((api) => { show(api); state.remove(); })
  .catch((error) => { state.textContent = 'It could not be read: ' + error.message; });
`;
