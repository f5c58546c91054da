/** Routes for people: what agents can run here by name. */
import { PRESETS, PRESET_NAMES, type Preset } from '#protocol';
import { requirePerson } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge } from '../edge/edge.ts';
import { answers } from '../edge/route-parts.ts';
import { isAllowed } from '../edge/runtime-order.ts';

const route = routesOf('Agents', 'person');

/** Presets, and which of them this deployment allows. */
export function presetRoutes(app: App, edge: Edge): void {
  app.openapi(
    route({
      operationId: 'listPresets',
      method: 'get',
      path: '/v1/presets',
      summary: 'List the presets of a runtime, and what each needs',
      middleware: [requirePerson(edge)],
      responses: answers(200, API.PresetList, 'Every preset'),
    }),
    (c) => {
      const items = PRESET_NAMES.map((name): Preset => {
        const preset = PRESETS[name];
        return { name, ...preset, allowed: preset.command === null || isAllowed(edge.config, preset.command) };
      });
      return c.json({ items }, 200);
    },
  );
}
