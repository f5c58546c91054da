/** A button that does something on the server, and says what came of it. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useConsole } from '../app/console.ts';

/** Runs one act at a time; what came of it is told to the person, whatever it is. */
export function useAct(): {
  readonly isBusy: boolean;
  readonly run: (act: () => Promise<string | null>) => Promise<boolean>;
} {
  const shown = useConsole();
  const isBusy = useSignal(false);
  return {
    isBusy: isBusy.value,
    run: async (act) => {
      if (isBusy.peek()) return false;
      isBusy.value = true;
      try {
        const said = await act();
        if (said !== null) shown.notify('done', said);
        return true;
      } catch (thrown) {
        shown.notify('failed', thrown instanceof Error ? thrown.message : String(thrown));
        return false;
      } finally {
        isBusy.value = false;
      }
    },
  };
}

interface Props {
  /** Answers what really happened, in a sentence; null: the page shows it. */
  readonly act: () => Promise<string | null>;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly title?: string;
  readonly disabled?: boolean;
}

export function ActButton({ act, children, class: look = '', title, disabled = false }: Props) {
  const { isBusy, run } = useAct();
  return (
    <button
      type="button"
      class={look}
      title={title}
      disabled={disabled || isBusy}
      aria-busy={isBusy}
      onClick={() => void run(act)}
    >
      {children}
    </button>
  );
}
