/** Text of an agent. It is shown as text: nothing that an agent writes becomes markup, a link or a request of the page. */

import { partsOf } from '../lib/text-parts.ts';

export function Text({ text }: { readonly text: string }) {
  return (
    <>
      {partsOf(text).map((part, nth) =>
        part.isCode ? (
          <pre key={nth} tabIndex={0}>
            {part.text}
          </pre>
        ) : (
          <p key={nth} class="text">
            {part.text}
          </p>
        ),
      )}
    </>
  );
}
