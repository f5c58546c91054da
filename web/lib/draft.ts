/** What was typed and not sent yet survives a reload of its tab. */
import { useSignal, type Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** A text that is kept under a name for as long as the tab is there; an empty one is not kept. */
export function useDraft(name: string): Signal<string> {
  const key = `reeve.draft.${name}`;
  const text = useSignal(sessionStorage.getItem(key) ?? '');
  useEffect(
    () =>
      text.subscribe((value) => {
        if (value === '') sessionStorage.removeItem(key);
        else sessionStorage.setItem(key, value);
      }),
    [key],
  );
  return text;
}
