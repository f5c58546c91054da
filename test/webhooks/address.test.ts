import { describe, expect, test } from 'vitest';
import { MAX_WEBHOOK_URL_UNITS } from '#protocol';
import { addressFault } from '../../src/webhooks/address.ts';

const PUBLIC = 'must lead to a public host by its name, not to an IP address';
const SHAPE = 'must be an address like https://hooks.example.com/reeve';
const BARE = 'must have no credentials and no fragment';

describe('the address of a webhook', () => {
  test.each([
    'https://hooks.example.com/reeve',
    'https://hooks.example.com:8443/reeve?from=town',
    'https://example.com',
    'https://xn--bcher-kva.example/',
    'https://localhost.example.com/',
    'https://10.0.0.1.example.com/',
  ])('may be %s', (url) => {
    expect(addressFault(url, false)).toBeNull();
  });

  test.each([
    ['http://hooks.example.com/', 'must be https'],
    ['ftp://hooks.example.com/', SHAPE],
    ['javascript:alert(1)', SHAPE],
    ['file:///etc/passwd', SHAPE],
    ['hooks.example.com', SHAPE],
    ['', SHAPE],
    ['https://', SHAPE],
    ['https://user@hooks.example.com/', BARE],
    ['https://user:word@hooks.example.com/', BARE],
    ['https://:word@hooks.example.com/', BARE],
    ['https://hooks.example.com/#part', BARE],
    ['https://localhost/', PUBLIC],
    ['https://LOCALHOST/', PUBLIC],
    ['https://localhost./', PUBLIC],
    ['https://town.localhost/', PUBLIC],
    ['https://printer/', PUBLIC],
    ['https://printer.local/', PUBLIC],
    ['https://printer.lan/', PUBLIC],
    ['https://router.home.arpa/', PUBLIC],
    ['https://metadata.google.internal/computeMetadata/v1/', PUBLIC],
    ['https://metadata.google.internal./', PUBLIC],
    ['https://127.0.0.1/', PUBLIC],
    ['https://127.1/', PUBLIC],
    ['https://2130706433/', PUBLIC],
    ['https://0x7f.1/', PUBLIC],
    ['https://0177.0.0.1/', PUBLIC],
    ['https://127.0.0.1./', PUBLIC],
    ['https://127。0。0。1/', PUBLIC],
    ['https://0.0.0.0/', PUBLIC],
    ['https://10.0.0.1/', PUBLIC],
    ['https://172.16.0.1/', PUBLIC],
    ['https://192.168.0.1/', PUBLIC],
    ['https://169.254.169.254/latest/meta-data/', PUBLIC],
    ['https://100.64.0.1/', PUBLIC],
    ['https://198.51.100.7/', PUBLIC],
    ['https://[::1]/', PUBLIC],
    ['https://[::]/', PUBLIC],
    ['https://[::ffff:127.0.0.1]/', PUBLIC],
    ['https://[fe80::1]/', PUBLIC],
    ['https://[fd00::1]/', PUBLIC],
    ['https://[64:ff9b::7f00:1]/', PUBLIC],
    ['https://[2001:db8::1]/', PUBLIC],
  ])('may not be %s', (url, fault) => {
    expect(addressFault(url, false)).toBe(fault);
  });

  test('may have 2,048 characters and no more', () => {
    const of = (length: number): string => 'https://hooks.example.com/'.padEnd(length, 'a');
    expect(addressFault(of(MAX_WEBHOOK_URL_UNITS), false)).toBeNull();
    expect(addressFault(of(MAX_WEBHOOK_URL_UNITS + 1), false)).toMatch('at most 2048');
  });

  test('may lead to this very machine, and by http only there, where the deployment is one on loopback', () => {
    for (const url of ['http://127.0.0.1:9000/', 'http://localhost:9000/', 'https://hooks.example.com/']) {
      expect(addressFault(url, true)).toBeNull();
    }
    expect(addressFault('http://hooks.example.com/', true)).toBe('must be https, or http on loopback');
    expect(addressFault('http://10.0.0.1/', true)).toBe('must be https, or http on loopback');
    expect(addressFault('http://user@localhost/', true)).toBe(BARE);
  });
});
