/**
 * What people send to a Reeve and are answered. Written by `npm run client:types` from `/openapi.json`, never by hand.
 */

/** An agent and the health of its credential, of which no text is in any answer. */
export interface Agent {
  /** @pattern ^agt_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  name: string;
  role: 'worker' | 'mayor';
  scopes: ('heartbeat' | 'events' | 'mail' | 'peers' | 'delegate' | 'exchange' | 'agents')[];
  state: 'starting' | 'idle' | 'working' | 'stalled' | 'stopped' | 'failed' | 'retired';
  /** @min 0 */
  incarnation: number;
  container: string;
  process_id: number | null;
  /** @format date-time */
  created_at: string;
  last_heard_at: string | null;
  runtime: {
    /**
     * @minLength 1
     * @maxLength 256
     */
    command: string;
    /**
     * @maxItems 64
     * @default []
     */
    args?: string[];
    /** @default {} */
    env?: Record<string, string>;
    cwd?: string | null;
    /** @default "none" */
    credentials?: 'none' | 'file';
    /**
     * @maxItems 16
     * @default []
     */
    secrets?: string[];
    /** @default "ask" */
    permissions?: 'allow' | 'deny' | 'ask';
  } | null;
  failure: {
    reason: string;
    detail: string;
    /** @format date-time */
    at: string;
  } | null;
  credential: {
    /** @min 0 */
    minted: number;
    /** @min 0 */
    acked: number;
    /** @min 0 */
    in_use: number;
    lagging: {
      /** @min 0 */
      generation: number;
      /** @format date-time */
      at: string;
    } | null;
    issued_at: string | null;
    expires_at: string | null;
    reason: 'start' | 'delivery' | 'sweep' | 'force' | 'pull' | null;
    last_outcome: string | null;
    last_error: string | null;
    next_due_at: string | null;
    revoked_at: string | null;
  };
}

/** What is to change; what is left out stays. */
export interface AgentChange {
  role?: 'worker' | 'mayor';
  /** @maxItems 16 */
  scopes?: ('heartbeat' | 'events' | 'mail' | 'peers' | 'delegate' | 'exchange' | 'agents')[];
  /** What runs an agent: a preset, a command, or a preset with changes. */
  runtime?: RuntimeOrder;
}

/** A page of agents. */
export interface AgentPage {
  items: Agent[];
  next: string | null;
}

/** An API key, without its text. */
export interface ApiKey {
  /** @pattern ^key_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  name: string;
  scope: 'read' | 'chat' | 'admin';
  prefix: string;
  /** @format date-time */
  created_at: string;
  /** @format date-time */
  expires_at: string;
  revoked_at: string | null;
}

/** An API key to make, never with more than the caller may do. */
export interface ApiKeyOrder {
  /**
   * @minLength 1
   * @maxLength 80
   */
  name: string;
  /** @default "chat" */
  scope?: 'read' | 'chat' | 'admin';
  /**
   * @min 1
   * @max 365
   * @default 90
   */
  expires_in_days?: number;
}

/** A page of API keys. */
export interface ApiKeyPage {
  items: ApiKey[];
  next: string | null;
}

/** Who is calling: the subject by which others invite them. */
export interface Caller {
  subject: string;
  scope: 'read' | 'chat' | 'admin';
  expires_at: string | null;
}

/** A container of a town, as far as the town knows without asking it. */
export interface Container {
  container: string;
  /** idle: no agent in it works, and it may have gone to sleep since; asleep: it did not run when it was asked last; silent: it does not answer; lost: it was given up */
  state: 'new' | 'running' | 'idle' | 'asleep' | 'silent' | 'lost';
  /** since when it is asleep, silent or lost; null in the other states */
  since: string | null;
  /** when the session that its agents run in was opened */
  session_since: string | null;
  /** the last sign of life of an agent in it, or of the opening of its session */
  last_heard_at: string | null;
  /** after failures in a row nothing is sent there unasked until then */
  held: {
    /** @format date-time */
    until: string;
    /** @min 0 */
    failures: number;
  } | null;
  /** since when its control server refuses what the town signs */
  refused_since: string | null;
  /** it is in doubt, and asked then */
  next_probe_at: string | null;
  /** who lives there, at work or not */
  agents: string[];
}

/** Every container of a town. */
export interface ContainerList {
  items: Container[];
}

/** Tokens of an agent over time, the newest first, without their texts. */
export interface Credential {
  items: {
    /** @min 0 */
    generation: number;
    /** @min 0 */
    incarnation: number;
    reason: 'start' | 'delivery' | 'sweep' | 'force' | 'pull';
    /** @format date-time */
    issued_at: string;
    /** when its container, or the first call with it, confirmed it; null: nothing did */
    acked_at: string | null;
    /** when the agent first called with it; null: it did not */
    first_used_at: string | null;
    /** null: nothing confirmed it */
    expires_at: string | null;
    /** what its push came to; in_use: the agent called with it before that was known; null: nothing is known */
    outcome: string | null;
    error: string | null;
    /** since when it is refused although it may not have expired */
    revoked_at: string | null;
  }[];
  refusals: {
    /**
     * the first
     * @format date-time
     */
    at: string;
    /** @format date-time */
    last_at: string;
    /** @min 0 */
    count: number;
    reason:
      | 'agent_retired'
      | 'agent_revoked'
      | 'agent_stopped'
      | 'incarnation_superseded'
      | 'token_expired'
      | 'incarnation_ahead'
      | 'generation_ahead'
      | 'generation_cut'
      | 'before_valid_from'
      | 'missing_scope'
      | 'too_many_calls';
    /** @min 0 */
    generation: number;
  }[];
}

/** A task that one agent handed to another. */
export interface Delegation {
  /** @pattern ^dlg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  /** @pattern ^agt_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  from: string;
  /** @pattern ^agt_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  to: string;
  parent: string | null;
  /** @min 1 */
  depth: number;
  state: 'open' | 'done' | 'failed' | 'expired' | 'cancelled';
  error: 'agent_retired' | null;
  /** @format date-time */
  created_at: string;
  /** @format date-time */
  deadline_at: string;
  finished_at: string | null;
  announced_at: string | null;
}

/** A page of delegations. */
export interface DelegationPage {
  items: Delegation[];
  next: string | null;
}

/** `deleting`: a container has yet to confirm. */
export interface DeletedTown {
  /** @pattern ^town_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  status: 'deleted' | 'deleting';
}

/** What happened in a town: a CloudEvent 1.0 whose `type` says what its `data` is. */
export type Event =
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        name: string;
      };
      type: 'reeve.town.created';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        token_audiences: string[];
      };
      type: 'reeve.town.changed';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        undo?: string;
      };
      type: 'reeve.town.restored';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: object;
      type: 'reeve.keys.changed';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        role: 'viewer' | 'member' | 'owner';
        by: string;
      };
      type: 'reeve.member.added';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        role: 'viewer' | 'member' | 'owner';
        by: string;
      };
      type: 'reeve.member.changed';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        role: 'viewer' | 'member' | 'owner';
        by: string;
      };
      type: 'reeve.member.removed';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        name: string;
        role: 'worker' | 'mayor';
      };
      type: 'reeve.agent.created';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        role: 'worker' | 'mayor';
        scopes: ('heartbeat' | 'events' | 'mail' | 'peers' | 'delegate' | 'exchange' | 'agents')[];
        command?: string | null;
      };
      type: 'reeve.agent.changed';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
        /** @min 0 */
        wait_ms: number;
      };
      type: 'reeve.agent.starting';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
        process_id: number | null;
      };
      type: 'reeve.agent.started';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
        reason:
          | 'command_not_found'
          | 'not_executable'
          | 'cwd_not_accessible'
          | 'spawn_failed'
          | 'auth_required'
          | 'handshake_timeout'
          | 'protocol_error'
          | 'exited'
          | 'out_of_memory'
          | 'crashed'
          | 'stopped'
          | 'disk_full'
          | 'secret_missing';
        detail: string;
      };
      type: 'reeve.agent.start_failed';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
        reason:
          | 'command_not_found'
          | 'not_executable'
          | 'cwd_not_accessible'
          | 'spawn_failed'
          | 'auth_required'
          | 'handshake_timeout'
          | 'protocol_error'
          | 'exited'
          | 'out_of_memory'
          | 'crashed'
          | 'stopped'
          | 'disk_full';
        detail: string;
        exit_code: number | null;
        signal: string | null;
        stderr: string;
      };
      type: 'reeve.agent.exited';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
      };
      type: 'reeve.agent.stopped';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
      };
      type: 'reeve.agent.revoked';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
        why:
          | 'asleep'
          | 'session_changed'
          | 'incarnation_mismatch'
          | 'unknown_agent'
          | 'stopped_silent'
          | 'container_lost'
          | 'exited';
      };
      type: 'reeve.agent.gone';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
        why: 'silent' | 'no_output';
      };
      type: 'reeve.agent.stalled';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
        was: 'silent' | 'no_output' | null;
      };
      type: 'reeve.agent.recovered';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
        /** @min 0 */
        restarts: number;
        why: 'restarts_exhausted' | 'retired_in_container' | 'secret_missing';
      };
      type: 'reeve.agent.failed';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
        failed_messages: string[];
      };
      type: 'reeve.agent.retired';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
      };
      type: 'reeve.agent.teardown_confirmed';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
      };
      type: 'reeve.agent.teardown_given_up';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        agents: string[];
      };
      type: 'reeve.container.lost';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: object;
      type: 'reeve.container.found';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        reason: 'start' | 'delivery' | 'sweep' | 'force' | 'pull';
        agents: {
          /** @pattern ^agt_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
          agent: string;
          /** @min 0 */
          incarnation: number;
          /** @min 0 */
          generation: number;
        }[];
      };
      type: 'reeve.token.issued';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        outcome: string;
        detail: string;
      };
      type: 'reeve.token.failed';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        incarnation: number;
        jti: string;
        audience: string;
        /** @min 0 */
        generation: number;
        /** @format date-time */
        expires_at: string;
      };
      type: 'reeve.token.exchanged';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        jti: string;
      };
      type: 'reeve.token.revoked';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @min 0 */
        due: number;
        /** @min 0 */
        ok: number;
        /** @min 0 */
        failed: number;
        /** @min 0 */
        skipped: number;
      };
      type: 'reeve.sweep.finished';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        message: string;
        sender: string;
      };
      type: 'reeve.message.accepted';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        messages: string[];
      };
      type: 'reeve.message.delivered';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        messages: string[];
      };
      type: 'reeve.message.queued_again';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        message: string;
      };
      type: 'reeve.message.cancelled';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        messages: string[];
        error: string;
      };
      type: 'reeve.message.dead_lettered';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        message: string;
        /** @min 0 */
        attempt: number;
      };
      type: 'reeve.turn.started';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        message: string;
        /** @min 0 */
        attempt: number;
        tool_call: string;
        title: string;
        kind: string;
        status: 'pending' | 'in_progress' | 'completed' | 'failed';
        detail: string;
      };
      type: 'reeve.turn.tool_call';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        message: string;
        /** @min 0 */
        attempt: number;
        entries: {
          content: string;
          status: string;
          priority: string;
        }[];
      };
      type: 'reeve.turn.plan';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        message: string;
        /** @min 0 */
        attempt: number;
        state: 'done' | 'failed';
        reply?: string | null;
        truncated?: boolean;
        error?: string | null;
      };
      type: 'reeve.turn.finished';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        message: string;
        /** @min 0 */
        attempt: number;
        /** @pattern ^prm_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        permission: string;
        title: string;
        kind: string;
        options: {
          /**
           * @minLength 1
           * @maxLength 256
           */
          id: string;
          name: string;
          kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always' | 'choice';
        }[];
        /** @format date-time */
        expires_at: string;
      };
      type: 'reeve.permission.requested';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        message: string;
        /** @min 0 */
        attempt: number;
        /** @pattern ^prm_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        permission: string;
        option: string | null;
        by: string;
      };
      type: 'reeve.permission.answered';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        message: string;
        /** @min 0 */
        attempt: number;
        /** @pattern ^prm_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        permission: string;
        outcome: 'selected' | 'cancelled';
        option: string | null;
        by: 'person' | 'policy' | 'deadline' | 'turn_ended';
      };
      type: 'reeve.permission.resolved';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^mail_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        mail: string;
        /** @pattern ^agt_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        to: string;
      };
      type: 'reeve.mail.sent';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^dlg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        delegation: string;
        /** @pattern ^agt_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        to: string;
        parent: string | null;
        /** @min 0 */
        depth: number;
      };
      type: 'reeve.delegation.created';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^dlg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        delegation: string;
        state: 'open' | 'done' | 'failed' | 'expired' | 'cancelled';
        error?: 'agent_retired';
      };
      type: 'reeve.delegation.finished';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^dlg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        delegation: string;
      };
      type: 'reeve.delegation.expired';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        message: string;
        delegations: {
          /** @pattern ^dlg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
          id: string;
          state: 'open' | 'done' | 'failed' | 'expired' | 'cancelled';
        }[];
      };
      type: 'reeve.delegation.announced';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        /** @pattern ^dlg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
        delegation: string;
      };
      type: 'reeve.delegation.result_refused';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        client: string;
        kind: string;
      };
      type: 'reeve.chat.side_call';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        events: string[];
      };
      type: 'reeve.webhook.created';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        events: string[];
        enabled: boolean;
      };
      type: 'reeve.webhook.changed';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: object;
      type: 'reeve.webhook.secret_rotated';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: {
        why: 'gone' | 'failing' | 'behind';
      };
      type: 'reeve.webhook.disabled';
    }
  | {
      specversion: '1.0';
      id: string;
      source: string;
      /** id of what it happened to */
      subject: string;
      /** @format date-time */
      time: string;
      /** @min 0 */
      seq: number;
      datacontenttype: 'application/json';
      data: object;
      type: 'reeve.webhook.deleted';
    };

/** A page of events, oldest first. What lies between `after` and `oldest` is no longer kept. */
export interface EventPage {
  items: Event[];
  next: string | null;
  /**
   * seq of the oldest event that is kept: what lies between `after` and it is gone
   * @min 0
   */
  oldest: number;
}

/** What is wrong in a town, since when, and what to do about it. */
export interface Health {
  status: 'green' | 'amber' | 'red';
  reasons: {
    code: string;
    status: 'amber' | 'red';
    agent: string | null;
    /** @format date-time */
    since: string;
    detail: string;
    advice: string;
  }[];
}

/** A person in a town, and their role there. */
export interface Member {
  subject: string;
  role: 'viewer' | 'member' | 'owner';
  /** @format date-time */
  since: string;
  added_by: string | null;
}

/** The role that a person is to have in a town. */
export interface MemberOrder {
  role: 'viewer' | 'member' | 'owner';
}

/** A page of members. */
export interface MemberPage {
  items: Member[];
  next: string | null;
}

/** A message to an agent, its state, and its reply once it is `done`. */
export interface Message {
  /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  /** @pattern ^agt_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  agent: string;
  /** @min 0 */
  seq: number;
  state: 'queued' | 'delivered' | 'working' | 'done' | 'failed' | 'cancelled';
  content: string;
  sender: string;
  /** system: the town itself, about delegations */
  kind: 'user' | 'system';
  idempotency_key: string | null;
  /** @min 0 */
  attempts: number;
  /** @format date-time */
  created_at: string;
  delivered_at: string | null;
  finished_at: string | null;
  reply: string | null;
  truncated: boolean;
  error: string | null;
}

/** A page of messages. */
export interface MessagePage {
  items: Message[];
  next: string | null;
}

/** An agent to create and start. Without `runtime` it is the built-in agent. */
export interface NewAgent {
  /** @pattern ^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$ */
  name: string;
  /** @default "worker" */
  role?: 'worker' | 'mayor';
  /** @maxItems 16 */
  scopes?: ('heartbeat' | 'events' | 'mail' | 'peers' | 'delegate' | 'exchange' | 'agents')[];
  /** What runs an agent: a preset, a command, or a preset with changes. */
  runtime?: RuntimeOrder;
}

/** An API key with its text, which is shown this once. */
export interface NewApiKey {
  /** @pattern ^key_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  name: string;
  scope: 'read' | 'chat' | 'admin';
  prefix: string;
  /** @format date-time */
  created_at: string;
  /** @format date-time */
  expires_at: string;
  revoked_at: string | null;
  key: string;
}

/** A message to an agent. */
export interface NewMessage {
  /** @minLength 1 */
  content: string;
  idempotency_key?: string;
}

/** A town to create. */
export interface NewTown {
  /** @pattern ^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$ */
  name: string;
}

/** Where to post, and which events: types, or how types begin, with `.*`. */
export interface NewWebhook {
  /** @maxLength 2048 */
  url: string;
  /**
   * @maxItems 32
   * @minItems 1
   */
  events: string[];
  /**
   * @maxLength 200
   * @default ""
   */
  description?: string;
}

/** A question of an agent, open or settled. */
export interface Permission {
  /** @pattern ^prm_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  /** @pattern ^agt_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  agent: string;
  /** @pattern ^msg_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  message: string;
  /** @min 0 */
  attempt: number;
  title: string;
  kind: string;
  input: string;
  options: {
    /**
     * @minLength 1
     * @maxLength 256
     */
    id: string;
    name: string;
    kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always' | 'choice';
  }[];
  state: 'open' | 'answered' | 'selected' | 'cancelled';
  /** @format date-time */
  requested_at: string;
  /** @format date-time */
  expires_at: string;
  option: string | null;
  answered_by: string | null;
  resolved_by: 'person' | 'policy' | 'deadline' | 'turn_ended' | null;
  resolved_at: string | null;
}

/** Exactly one of `option`, `kind` and `cancelled`. */
export type PermissionAnswer =
  | {
      /**
       * @minLength 1
       * @maxLength 256
       */
      option: string;
    }
  | {
      kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always';
    }
  | {
      cancelled: true;
    };

/** A page of permissions. */
export interface PermissionPage {
  items: Permission[];
  next: string | null;
}

/** An agent that can be chosen by name, and whether it may run here. */
export interface Preset {
  name: 'built-in' | 'claude' | 'codex' | 'gemini' | 'opencode';
  command: string | null;
  args: string[];
  secrets: string[];
  needs: string;
  allowed: boolean;
}

/** Every preset. */
export interface PresetList {
  items: Preset[];
}

/** Why a request was refused (RFC 9457); `code` never changes its meaning. */
export interface Problem {
  title: string;
  status: number;
  code: string;
  detail?: string;
  request_id?: string;
  errors?: {
    path: string;
    message: string;
  }[];
  type: string;
}

/** `revoke_older`: once the new token has arrived, every older one is refused. */
export interface Refresh {
  /** @default false */
  revoke_older?: boolean;
}

/** Back to the state at a time, or to the state that a bookmark names. */
export type Restore =
  | {
      /** @format date-time */
      at: string;
    }
  | {
      /** @pattern ^[0-9a-f-]{1,128}$ */
      bookmark: string;
    };

/** `undo`: the bookmark of the state that the town leaves, with which the same call undoes this one. */
export interface RestoreBegun {
  undo: string;
}

/** How many containers the town has, and how many have their new session. */
export interface Restored {
  /** @min 0 */
  containers: number;
  /** @min 0 */
  renewed: number;
}

/** What runs an agent: a preset, a command, or a preset with changes. */
export type RuntimeOrder = {
  preset?: 'built-in' | 'claude' | 'codex' | 'gemini' | 'opencode';
  /**
   * @minLength 1
   * @maxLength 256
   */
  command?: string;
  /** @maxItems 64 */
  args?: string[];
  env?: Record<string, string>;
  cwd?: string | null;
  credentials?: 'none' | 'file';
  /** @maxItems 16 */
  secrets?: string[];
  permissions?: 'allow' | 'deny' | 'ask';
} | null;

/** What stands behind `#sign-in=` in the address of a link. */
export interface SignInCode {
  /** @maxLength 256 */
  code: string;
}

/** Signs its maker in at the console, once, and soon. */
export interface SignInLink {
  code: string;
  /** @format uri */
  url: string;
  /** @format date-time */
  expires_at: string;
}

/** A link to sign in with, which may allow less than the caller. */
export interface SignInLinkOrder {
  scope?: 'read' | 'chat' | 'admin';
}

/** How people may sign in at the console, beside an API key. */
export interface SignInWays {
  oidc: {
    issuer: string;
    client_id: string;
    audience: string;
  } | null;
  access: boolean;
  links: true;
}

/** What the containers did with each token of a refresh. */
export interface SweepReport {
  /** @min 0 */
  due: number;
  /** @min 0 */
  ok: number;
  /** @min 0 */
  failed: number;
  /** @min 0 */
  skipped: number;
  results: {
    /** @pattern ^agt_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
    agent: string;
    outcome: string;
    /** @min 0 */
    generation: number;
  }[];
}

/** Opens one stream of one town, once. */
export interface Ticket {
  ticket: string;
  /** @format date-time */
  expires_at: string;
}

/** A town, its next and its last sweep. */
export interface Town {
  /** @pattern ^town_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  name: string;
  /** @format date-time */
  created_at: string;
  /** @min 0 */
  agents: number;
  token_audiences: string[];
  next_sweep_at: string | null;
  last_sweep: {
    /** @min 0 */
    due: number;
    /** @min 0 */
    ok: number;
    /** @min 0 */
    failed: number;
    /** @min 0 */
    skipped: number;
    results: {
      /** @pattern ^agt_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
      agent: string;
      outcome: string;
      /** @min 0 */
      generation: number;
    }[];
    /** @format date-time */
    started_at: string;
    /** @format date-time */
    finished_at: string;
  } | null;
}

/** What is to change: all audiences that tokens may be exchanged for. */
export interface TownChange {
  /** @maxItems 32 */
  token_audiences: string[];
}

/** What a list shows of a town; no town is woken for it. */
export interface TownEntry {
  /** @pattern ^town_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  name: string;
  role: 'viewer' | 'member' | 'owner';
  /** @format date-time */
  created_at: string;
}

/** A page of towns. */
export interface TownPage {
  items: TownEntry[];
  next: string | null;
}

/** An address that events are posted to, and how it fares. */
export interface Webhook {
  /** @pattern ^hook_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  url: string;
  description: string;
  events: string[];
  enabled: boolean;
  /** @format date-time */
  created_at: string;
  previous_secret_until: string | null;
  /** @min 0 */
  posted_seq: number;
  last_posted_at: string | null;
  failing_since: string | null;
  last_error: string | null;
  next_try_at: string | null;
  disabled: {
    why: 'gone' | 'failing' | 'behind';
    /** @format date-time */
    at: string;
  } | null;
}

/** What is to change; what is left out stays. Enabled, it goes on where it stopped. */
export interface WebhookChange {
  /** @maxLength 2048 */
  url?: string;
  /**
   * @maxItems 32
   * @minItems 1
   */
  events?: string[];
  /** @maxLength 200 */
  description?: string;
  enabled?: boolean;
}

/** Every webhook of a town; ten at most. */
export interface WebhookList {
  items: Webhook[];
}

/** What came of an event that was posted for trial. */
export interface WebhookTest {
  taken: boolean;
  error: string | null;
}

/** A webhook with its secret, which is shown this once. */
export interface WebhookWithSecret {
  /** @pattern ^hook_[0123456789abcdefghjkmnpqrstvwxyz]{20}$ */
  id: string;
  url: string;
  description: string;
  events: string[];
  enabled: boolean;
  /** @format date-time */
  created_at: string;
  previous_secret_until: string | null;
  /** @min 0 */
  posted_seq: number;
  last_posted_at: string | null;
  failing_since: string | null;
  last_error: string | null;
  next_try_at: string | null;
  disabled: {
    why: 'gone' | 'failing' | 'behind';
    /** @format date-time */
    at: string;
  } | null;
  secret: string;
}
