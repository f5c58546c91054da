import { useSignal } from '@preact/signals';
import type { ApiKey, NewApiKey, ReeveClient } from '../../client/index.ts';
import { hrefOf } from '../app/route.ts';
import { useConsole } from '../app/console.ts';
import type { Right } from '../app/town-context.ts';
import { itemsUpTo } from '../lib/all-items.ts';
import { useResource } from '../lib/use-resource.ts';
import { ActButton } from '../parts/act.tsx';
import { Dialog, FormDialog } from '../parts/dialog.tsx';
import { Choice, TextField } from '../parts/field.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Badge } from '../parts/status.tsx';
import { Moment } from '../parts/time.tsx';

const MOST_KEYS = 300;
const DAYS = [1, 7, 30, 90, 365];
const SCOPES: readonly (readonly [Right, string])[] = [
  ['read', 'looks, and follows'],
  ['chat', 'also talks with agents and answers them'],
  ['admin', 'may do everything that you may'],
];

/** The person's own API keys. */
export function KeysView({ client, scope }: { readonly client: ReeveClient; readonly scope: Right }) {
  const keys = useResource(
    (signal) => itemsUpTo<ApiKey>(MOST_KEYS, (cursor) => client.listApiKeys({ cursor, limit: 100, signal })),
    [client],
  );
  const isMaking = useSignal(false);
  const made = useSignal<NewApiKey | null>(null);
  return (
    <section class="page">
      <nav class="crumbs" aria-label="Where you are">
        <a href={hrefOf({ name: 'fleet' })}>Towns</a>
      </nav>
      <header class="title">
        <h1>API keys</h1>
        {scope === 'admin' && (
          <button type="button" class="primary" onClick={() => (isMaking.value = true)}>
            New key
          </button>
        )}
      </header>
      <p class="quiet">Keys speak for you: for scripts, chat frontends and the command line.</p>
      <Loaded of={keys} what="your keys">
        {({ items }) =>
          items.length === 0 ? (
            <p class="empty">You have no keys.</p>
          ) : (
            <Table keys={items} client={client} scope={scope} onChange={() => keys.load()} />
          )
        }
      </Loaded>
      {isMaking.value && (
        <NewKey
          client={client}
          onClose={() => (isMaking.value = false)}
          onDone={(key) => {
            made.value = key;
            keys.load();
          }}
        />
      )}
      {made.value !== null && <ShownOnce made={made.value} onClose={() => (made.value = null)} />}
    </section>
  );
}

interface TableProps {
  readonly keys: readonly ApiKey[];
  readonly client: ReeveClient;
  readonly scope: Right;
  readonly onChange: () => void;
}

function Table({ keys, client, scope, onChange }: TableProps) {
  const { nowMs } = useConsole();
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Begins with</th>
            <th scope="col">Allows</th>
            <th scope="col">State</th>
            <th scope="col">Acts</th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => {
            const isOver = Date.parse(key.expires_at) <= nowMs.value;
            const lives = key.revoked_at === null && !isOver;
            return (
              <tr key={key.id}>
                <th scope="row">{key.name}</th>
                <td>
                  <code>{key.prefix}</code>
                </td>
                <td>{key.scope}</td>
                <td>
                  <Badge
                    tone={lives ? 'good' : 'off'}
                    word={key.revoked_at !== null ? 'revoked' : isOver ? 'over' : 'valid'}
                  />{' '}
                  <span class="quiet">
                    {isOver ? 'since' : 'ends'} <Moment at={key.revoked_at ?? key.expires_at} />
                  </span>
                </td>
                <td>
                  {lives && scope === 'admin' && (
                    <ActButton
                      act={async () => {
                        await client.revokeApiKey(key.id);
                        onChange();
                        return `${key.name} is refused from now on.`;
                      }}
                    >
                      Revoke
                    </ActButton>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface NewKeyProps {
  readonly client: ReeveClient;
  readonly onClose: () => void;
  readonly onDone: (key: NewApiKey) => void;
}

function NewKey({ client, onClose, onDone }: NewKeyProps) {
  const name = useSignal('');
  const scope = useSignal<Right>('chat');
  const days = useSignal(90);
  return (
    <FormDialog
      title="New API key"
      verb="Make"
      onClose={onClose}
      act={async () => {
        onDone(
          await client.createApiKey({ name: name.peek().trim(), scope: scope.peek(), expires_in_days: days.peek() }),
        );
        return null;
      }}
    >
      <TextField label="Name" value={name} maxLength={80} placeholder="what it is for" />
      <fieldset>
        <legend>Allows</legend>
        {SCOPES.map(([id, words]) => (
          <Choice key={id} group="scope" id={id} chosen={scope}>
            {words}
          </Choice>
        ))}
      </fieldset>
      <label>
        Lives for
        <select
          value={days.value}
          onChange={({ currentTarget }) => {
            days.value = Number(currentTarget.value);
          }}
        >
          {DAYS.map((count) => (
            <option key={count} value={count}>
              {count === 1 ? 'a day' : `${count} days`}
            </option>
          ))}
        </select>
      </label>
    </FormDialog>
  );
}

function ShownOnce({ made, onClose }: { readonly made: NewApiKey; readonly onClose: () => void }) {
  const shown = useConsole();
  return (
    <Dialog title={`${made.name} is made`} onClose={onClose}>
      <p>Copy it now: it is shown this once, and only its digest is kept.</p>
      <pre class="secret">{made.key}</pre>
      <footer>
        <button
          type="button"
          class="primary"
          onClick={() => void navigator.clipboard.writeText(made.key).then(() => shown.notify('done', 'Copied.'))}
        >
          Copy
        </button>
        <button type="button" onClick={onClose}>
          Done
        </button>
      </footer>
    </Dialog>
  );
}
