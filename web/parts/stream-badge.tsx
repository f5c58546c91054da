import type { JSX } from 'preact';
import type { StreamState } from '../../client/index.ts';
import { Badge } from './status.tsx';

/** Whether what the page shows is what is: the way to the server, apart from what its agents do. */
export function StreamBadge({ state }: { readonly state: StreamState }): JSX.Element {
  switch (state.name) {
    case 'live':
      return <Badge tone="good" word="live" title="What happens is shown as it happens" />;
    case 'connecting':
      return <Badge tone="busy" word="connecting" />;
    case 'waiting':
      return (
        <Badge
          tone="warn"
          word="not connected"
          title={`The next try is in ${Math.ceil(state.retryInMs / 1000)} s. What is shown is from before.`}
        />
      );
    case 'ended':
      return <Badge tone="bad" word={state.why === 'refused' ? 'no longer yours' : 'closed'} />;
  }
}
