/** Where things stand in the API, by ids or names that may hold anything. */

export const townPath = (town: string): string => `/v1/towns/${encodeURIComponent(town)}`;

export const agentPath = (town: string, agent: string): string =>
  `${townPath(town)}/agents/${encodeURIComponent(agent)}`;
