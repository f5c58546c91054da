import { BUILT_IN } from '../container/agents/process/launch-order.ts';

/** The built-in agent, as a program that is named: an agent that has one gets a process. */
export const AGENT_PROGRAM = { command: process.execPath, args: [BUILT_IN] };

/** A turn of it that outlasts a measurement. */
export const LONG_WORK = 'work 3600';
