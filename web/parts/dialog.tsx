/** Native dialogs: the browser keeps the focus inside, and Escape closes them. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { useAct } from './act.tsx';

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** Open for as long as it is rendered. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={heading}>
      <header>
        <h2 id={heading}>{title}</h2>
        <button type="button" class="icon" aria-label="Close" onClick={() => dialog.current?.close()}>
          ×
        </button>
      </header>
      {children}
    </dialog>
  );
}

interface FormProps extends DialogProps {
  /** The word on the button that does it. */
  readonly verb: string;
  readonly isGrave?: boolean;
  /** False: it cannot be sent yet. */
  readonly isReady?: boolean;
  readonly act: () => Promise<string | null>;
}

/** A form that closes once its act is done, and stays with all that was typed where it failed. */
export function FormDialog({ title, onClose, children, verb, isGrave = false, isReady = true, act }: FormProps) {
  const { isBusy, run } = useAct();
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await run(act)) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void send(event)}>
        {children}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={isGrave ? 'grave' : 'primary'} disabled={isBusy || !isReady} aria-busy={isBusy}>
            {verb}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

interface ConfirmProps extends Omit<FormProps, 'isReady' | 'isGrave'> {
  /** What has to be typed: the name of the thing that ends. */
  readonly name: string;
}

/** For what cannot be taken back: nothing happens before its name was typed. */
export function ConfirmByName({ name, children, ...rest }: ConfirmProps) {
  const typed = useSignal('');
  return (
    <FormDialog {...rest} isGrave isReady={typed.value === name}>
      {children}
      <label>
        Type <code>{name}</code> to confirm
        <input
          value={typed.value}
          autocomplete="off"
          spellcheck={false}
          onInput={({ currentTarget }) => {
            typed.value = currentTarget.value;
          }}
        />
      </label>
    </FormDialog>
  );
}
