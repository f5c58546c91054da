import { useSignal } from '@preact/signals';
import icon from '../icon.svg';
import { useConsole } from '../app/console.ts';

/** The ways in that this deployment has. */
export function SignInView({ why }: { readonly why: string | null }) {
  const { session } = useConsole();
  const key = useSignal('');
  const isBusy = useSignal(false);
  const { oidc } = session.ways.value;
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    isBusy.value = true;
    await session.signIn(key.peek().trim());
    isBusy.value = false;
  };
  return (
    <section class="sign-in">
      <img src={icon} alt="" width="56" height="56" />
      <h1>Reeve</h1>
      <p class="quiet">Your agents, what they do, and how their credentials fare.</p>
      {why !== null && (
        <p class="trouble" role="alert">
          {why}
        </p>
      )}
      {oidc !== null && (
        <button type="button" class="primary" onClick={() => void session.goToProvider()}>
          Sign in with {new URL(oidc.issuer).host}
        </button>
      )}
      <form onSubmit={(event) => void send(event)}>
        <label>
          API key
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            placeholder="reeve_…"
            value={key.value}
            required
            onInput={({ currentTarget }) => {
              key.value = currentTarget.value;
            }}
          />
        </label>
        <button type="submit" class={oidc === null ? 'primary' : ''} disabled={isBusy.value} aria-busy={isBusy.value}>
          Sign in with a key
        </button>
      </form>
      <details>
        <summary>Where do I get one?</summary>
        <p>
          On your own machine <code>npm start</code> prints a link that signs you in once, and so does{' '}
          <code>npm exec reeve -- console</code>. For a new deployment, <code>npm run keys -- api --name first</code>{' '}
          makes the first key; whoever has one makes others under “API keys”.
        </p>
      </details>
    </section>
  );
}
