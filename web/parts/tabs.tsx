import { hrefOf, type Route } from '../app/route.ts';

interface Tab {
  readonly route: Route;
  readonly word: string;
  readonly isCurrent: boolean;
  /** How many things there want a person; none is not shown. */
  readonly count?: number;
}

/** Links to what else a thing can be seen as. */
export function Tabs({ label, tabs }: { readonly label: string; readonly tabs: readonly Tab[] }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(({ route, word, isCurrent, count = 0 }) => (
        <a key={word} href={hrefOf(route)} aria-current={isCurrent ? 'page' : undefined}>
          {word}
          {count > 0 && <span class="count">{count}</span>}
        </a>
      ))}
    </nav>
  );
}
