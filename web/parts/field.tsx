/** Fields of forms, each with its label and the rule that the browser holds it to. */
import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

interface TextProps {
  readonly label: string;
  readonly value: Signal<string>;
  readonly placeholder?: string;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly rule?: string;
}

export function TextField({ label, value, rule, ...rest }: TextProps) {
  return (
    <label>
      {label}
      <input
        {...rest}
        title={rule}
        value={value.value}
        required
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => {
          value.value = currentTarget.value;
        }}
      />
    </label>
  );
}

/** The name of a town or of an agent. */
export const NameField = ({ value }: { readonly value: Signal<string> }) => (
  <TextField
    label="Name"
    value={value}
    pattern="[a-z0-9]([a-z0-9\-]{0,38}[a-z0-9])?"
    rule="small letters, digits and hyphens, 40 at most"
  />
);

interface ChoiceProps<T extends string> {
  readonly group: string;
  readonly id: T;
  readonly chosen: Signal<T>;
  readonly disabled?: boolean;
  /** What it means. */
  readonly children: ComponentChildren;
}

/** One of several. */
export function Choice<T extends string>({ group, id, chosen, disabled = false, children }: ChoiceProps<T>) {
  return (
    <label class="choice">
      <input
        type="radio"
        name={group}
        value={id}
        checked={chosen.value === id}
        disabled={disabled}
        onChange={() => {
          chosen.value = id;
        }}
      />
      <span>
        <strong>{id}</strong> <span class="quiet">{children}</span>
      </span>
    </label>
  );
}
