import { describe, expect, it } from 'vitest';
import { CONTROL_PROBLEMS, problemSchema, type ControlProblemCode } from '#protocol';
import { problem } from '../../../container/control/problem.ts';

const CODES = Object.keys(CONTROL_PROBLEMS).filter((key): key is ControlProblemCode => key in CONTROL_PROBLEMS);

describe('problem', () => {
  it('answers each code with its own status, as problem+json that is not cached', async () => {
    for (const code of CODES) {
      const { status, title } = CONTROL_PROBLEMS[code];
      const response = problem(code);
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(problemSchema.parse(await response.json())).toMatchObject({ code, status, title });
    }
  });

  it('a 401 names its scheme, a 503 says when to come again', () => {
    expect(problem('unauthorized').headers.get('www-authenticate')).toBe('Bearer realm="reeve-container"');
    expect(problem('shutting_down').headers.get('retry-after')).toBe('5');
    expect(problem('internal').headers.get('retry-after')).toBeNull();
  });
});
