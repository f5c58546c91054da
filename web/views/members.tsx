import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Member } from '../../client/index.ts';
import { useConsole } from '../app/console.ts';
import { useTown } from '../app/town-context.ts';
import { itemsUpTo } from '../lib/all-items.ts';
import { useResource } from '../lib/use-resource.ts';
import { useAct, ActButton } from '../parts/act.tsx';
import { FormDialog } from '../parts/dialog.tsx';
import { Choice, TextField } from '../parts/field.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Moment } from '../parts/time.tsx';

const MOST_MEMBERS = 500;
const ROLES: readonly Member['role'][] = ['viewer', 'member', 'owner'];
const MAY: Readonly<Record<Member['role'], string>> = {
  viewer: 'sees everything',
  member: 'also talks with agents and answers them',
  owner: 'may do everything',
};

/** Who is in a town, and as what. */
export function MembersView() {
  const { live, may } = useTown();
  const members = useResource(
    (signal) =>
      itemsUpTo<Member>(MOST_MEMBERS, (cursor) => live.client.listMembers(live.id, { cursor, limit: 100, signal })),
    [live],
  );
  const isInviting = useSignal(false);
  useEffect(() => live.listen(({ type }) => type.startsWith('reeve.member.') && members.load()), [members, live]);
  return (
    <section aria-labelledby="members">
      <header class="title">
        <h2 id="members">Members</h2>
        {may('admin') && (
          <button type="button" class="primary" onClick={() => (isInviting.value = true)}>
            Invite
          </button>
        )}
      </header>
      <Loaded of={members} what="the members">
        {({ items }) => (
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">Person</th>
                  <th scope="col">Role</th>
                  <th scope="col">Since</th>
                  <th scope="col">Added by</th>
                  {may('admin') && <th scope="col">Acts</th>}
                </tr>
              </thead>
              <tbody>
                {items.map((member) => (
                  <Row key={member.subject} member={member} onChange={() => members.load()} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Loaded>
      {isInviting.value && <Invite onClose={() => (isInviting.value = false)} onDone={() => members.load()} />}
    </section>
  );
}

function Row({ member, onChange }: { readonly member: Member; readonly onChange: () => void }) {
  const { live, may } = useTown();
  const { session } = useConsole();
  const { run, isBusy } = useAct();
  const state = session.state.value;
  const isSelf = state.name === 'in' && state.caller.subject === member.subject;
  const change = (role: Member['role']): void =>
    void run(async () => {
      await live.client.putMember(live.id, member.subject, { role });
      onChange();
      return `${member.subject} is ${role} now.`;
    });
  return (
    <tr>
      <th scope="row">
        <code>{member.subject}</code> {isSelf && <span class="quiet">you</span>}
      </th>
      <td>
        {may('admin') ? (
          <select
            aria-label={`Role of ${member.subject}`}
            disabled={isBusy}
            value={member.role}
            onChange={({ currentTarget }) => {
              const role = ROLES.find((name) => name === currentTarget.value);
              if (role !== undefined) change(role);
              // What is shown is what the server says: it may refuse.
              currentTarget.value = member.role;
            }}
          >
            {ROLES.map((role) => (
              <option key={role} value={role}>
                {role}
              </option>
            ))}
          </select>
        ) : (
          member.role
        )}
      </td>
      <td>
        <Moment at={member.since} />
      </td>
      <td>{member.added_by === null ? <span class="quiet">made the town</span> : <code>{member.added_by}</code>}</td>
      {may('admin') && (
        <td>
          <ActButton
            act={async () => {
              await live.client.removeMember(live.id, member.subject);
              onChange();
              return `${member.subject} is no member any more; their streams are closed.`;
            }}
          >
            Remove
          </ActButton>
        </td>
      )}
    </tr>
  );
}

function Invite({ onClose, onDone }: { readonly onClose: () => void; readonly onDone: () => void }) {
  const { live } = useTown();
  const subject = useSignal('');
  const role = useSignal<Member['role']>('member');
  return (
    <FormDialog
      title="Invite a person"
      verb="Invite"
      onClose={onClose}
      act={async () => {
        const added = await live.client.putMember(live.id, subject.peek().trim(), { role: role.peek() });
        onDone();
        return `${added.subject} is ${added.role} from now on.`;
      }}
    >
      <TextField label="Subject" value={subject} placeholder="oidc:… or operator" />
      <p class="quiet">The name that they see at their own top right.</p>
      <fieldset>
        <legend>Role</legend>
        {ROLES.map((name) => (
          <Choice key={name} group="role" id={name} chosen={role}>
            {MAY[name]}
          </Choice>
        ))}
      </fieldset>
    </FormDialog>
  );
}
