/** What stands in the files of the image, beside what is built into it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseConfig } from '../../../container/config.ts';
import { ROOT } from '../../support/source.ts';

const read = (name: string): string => readFileSync(join(ROOT, 'container/image', name), 'utf8');
const DOCKERFILE = read('Dockerfile').replaceAll('\\\n', '');
const instructions = DOCKERFILE.split('\n').flatMap((line) => /^([A-Z]+) (.*)$/.exec(line)?.slice(1, 3) ?? []);
const valuesOf = (name: string): string[] => instructions.filter((_, at) => instructions[at - 1] === name);

it('the Dockerfile runs nothing: it copies what is built, and sets what the control server takes', () => {
  const names = instructions.filter((_, at) => at % 2 === 0);
  expect(names).toEqual(['FROM', 'COPY', 'ENV', 'EXPOSE', 'HEALTHCHECK', 'CMD']);
  const set: Record<string, string> = {};
  for (const [, name = '', value = ''] of (valuesOf('ENV')[0] ?? '').matchAll(/(\w+)=(\S+)/g)) set[name] = value;
  const parsed = parseConfig({ ...set, REEVE_API_URL: 'https://reeve.example.com' });
  expect(parsed).toMatchObject({
    ok: true,
    config: { host: '0.0.0.0', port: Number(valuesOf('EXPOSE')[0]), agentUsers: { first: 20_000, last: 29_999 } },
  });
});

it('its context holds what it copies, and no file with variables', () => {
  const copied = valuesOf('COPY')
    .flatMap((line) => line.split(' ').slice(0, -1))
    .map((name) => name.replace(/\/$/, ''));
  expect(read('.dockerignore').trim().split('\n')).toEqual(['*', ...copied.map((name) => `!${name}`)]);
});

it('the commands of docs/image.md and of the Dockerfile are the same, and so are the variables', () => {
  const document = readFileSync(join(ROOT, 'docs/image.md'), 'utf8');
  for (const line of ['ENV', 'CMD'].flatMap((name) => valuesOf(name).map((value) => `${name} ${value}`)))
    expect(document).toContain(line);
});
