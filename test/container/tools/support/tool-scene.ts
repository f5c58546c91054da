/** A tool server, agents with tools, and clients of them that are the protocol's own. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { PermissionId } from '#protocol';
import type { TurnOutput } from '../../../../container/agents/agent-process.ts';
import { Permissions } from '../../../../container/agents/permissions.ts';
import { PersonQuestions } from '../../../../container/agents/person-questions.ts';
import type { Clock } from '../../../../container/lib/clock.ts';
import type { TownTools } from '../../../../container/clients/town-tools.ts';
import type { ToolTurn, ToolUser } from '../../../../container/tools/tool-call.ts';
import { ToolServer, type OpenTools, type ToolAccess } from '../../../../container/tools/tool-server.ts';
import { FakeTools } from '../../support/fake-tools.ts';
import { agentId } from '../../../support/ids.ts';
import { KeptLog } from '../../support/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const randomBytes = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));

/** What a call came to, as a model reads it. */
export interface Said {
  readonly isError: boolean;
  readonly text: string;
}

/** A turn that the test ends. */
export class Turn implements ToolTurn {
  readonly tasks: string[] = [];
  traceparent: string | null = null;
  /** What it reported of its questions. */
  readonly reported: TurnOutput[] = [];
  readonly permissions: Permissions;
  readonly people: ToolTurn['people'];
  readonly #over = new AbortController();
  readonly over: AbortSignal = this.#over.signal;
  readonly report = (task: string): void => void this.tasks.push(task);

  constructor(clock: Clock = new ManualClock()) {
    this.permissions = new Permissions({
      policy: 'allow',
      clock,
      randomBytes,
      townNowMs: () => Date.parse('2027-01-01T00:00:00Z'),
      deadlineMs: 600_000,
    });
    this.people = new PersonQuestions(this.permissions, {
      emit: (output) => void this.reported.push(output),
      signal: this.over,
    });
  }

  /** The questions that were reported, by id. */
  get questions(): PermissionId[] {
    return this.reported.flatMap((output) =>
      output.kind === 'event' && output.event.type === 'permission.requested' ? [output.event.permission] : [],
    );
  }

  end(): void {
    this.#over.abort();
  }
}

export class ToolScene {
  readonly clock = new ManualClock();
  readonly log = new KeptLog();
  readonly town = new FakeTools();
  readonly server = new ToolServer({
    clock: this.clock,
    log: this.log,
    randomBytes,
  });
  turn: Turn | null = new Turn(this.clock);
  readonly #clients: Client[] = [];
  readonly #opened: OpenTools[] = [];

  /** Opens tools for ada, unless something else is said of the agent. */
  async open(user: Partial<ToolUser> = {}): Promise<OpenTools> {
    const town = (): TownTools => this.town.of('ada');
    const tools = await this.server.open({ agent: agentId(1), inc: 1, town, turn: () => this.turn, ...user });
    this.#opened.push(tools);
    return tools;
  }

  async connect({ url, headers }: ToolAccess): Promise<Client> {
    const client = new Client({ name: 'test', version: '1' });
    const [{ name, value }] = headers;
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { [name]: value } } });
    await client.connect(transport);
    this.#clients.push(client);
    return client;
  }

  /** Tools, and a client of them. */
  async client(user: Partial<ToolUser> = {}): Promise<Client> {
    const { servers } = await this.open(user);
    return this.connect(servers[0]);
  }

  /** Everything that was begun ends. */
  async end(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await Promise.all(this.#opened.map((tools) => tools.close()));
  }
}

/** Calls a tool and reads what a model would read. */
export async function say(client: Client, name: string, args: Record<string, unknown> = {}): Promise<Said> {
  const { content, isError } = await client.callTool({ name, arguments: args });
  const parts = content as readonly { readonly type: string; readonly text?: string }[];
  return { isError: isError === true, text: parts.map(({ text = '' }) => text).join('\n') };
}
