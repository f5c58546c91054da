import { PROTOCOL_VERSION, makeId, type ContainerName, type SessionId } from '#protocol';
import type { Clock } from '#lib/clock.ts';
import { base64url, randomBytes, sha256 } from '#lib/secret.ts';
import type { LinkAnswer } from './container-link.ts';
import type { ControlClient } from './control-client.ts';
import type { SessionStore } from './session-store.ts';

/** What a handshake works with. */
export interface HandshakePorts {
  readonly store: SessionStore;
  readonly client: ControlClient;
  readonly clock: Clock;
  readonly container: ContainerName;
  readonly heartbeatSeconds: number;
}

/**
 * Makes sure that the running control server holds a session of this container. Asks `/health` for its boot; where the stored
 * session belongs to that boot and was confirmed, nothing is opened. Otherwise session, boot, epoch and digest are stored, then
 * sent: if the answer is lost, the row is unanswered and the next handshake opens a newer one. The caller lets one run at a time.
 * @param refused a session that the control server holds and refuses: it is replaced, though it was confirmed
 */
export async function handshake(
  ports: HandshakePorts,
  refused: SessionId | null = null,
): Promise<LinkAnswer<SessionId>> {
  const { store, client, clock } = ports;
  const health = await client.health();
  if (health.kind !== 'answered') return failed(health);
  const boot = health.value.boot;
  const held = store.get();
  const holds = held?.answered === true && held.boot === boot;
  if (holds && held.session !== refused) return { kind: 'answered', value: held.session };

  const secret = base64url(randomBytes(32));
  const session = makeId('ses', randomBytes(20));
  // Above every epoch that this object used, and above those of a database that a restore took back.
  const epoch = Math.max((held?.epoch ?? 0) + 1, clock.now());
  store.begin({ session, boot, epoch, secretDigest: await sha256(secret) });
  const opened = await client.openSession(boot, {
    version: PROTOCOL_VERSION,
    container: ports.container,
    session,
    epoch,
    secret,
    heartbeat_seconds: ports.heartbeatSeconds,
  });
  if (opened.kind !== 'answered') {
    // Refused like what came before: nothing changed there, and until the two agree again its agents can pull, if nothing else.
    if (holds && opened.kind === 'unreachable' && opened.reason === 'unauthorized') store.keep(held, epoch);
    return failed(opened);
  }
  store.answered(session);
  return { kind: 'answered', value: session };
}

function failed(answer: Exclude<Awaited<ReturnType<ControlClient['openSession']>>, { kind: 'answered' }>) {
  if (answer.kind === 'unreachable') return answer;
  return { kind: 'unreachable', reason: 'refused', retryAfterMs: 0, detail: '409 unknown_session' } as const;
}
