import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { parseAddress } from '../src/address.js';
import { Client, ConfigError, type ClientOptions } from '../src/index.js';
import { settingsFromEnv } from '../src/options.js';
import { makeCa, makeCertificate, temporaryFolder } from './support.js';

test('one address, a list, and dns:///', () => {
  assert.deepEqual(parseAddress('wxident.internal:443'), {
    target: 'dns:///wxident.internal:443',
    hosts: ['wxident.internal'],
    loopback: false,
  });
  assert.equal(parseAddress('dns:///a.b:1').target, 'dns:///a.b:1');
  assert.deepEqual(parseAddress('a:1, [::1]:2'), {
    target: 'wxident-list:a:1,[::1]:2',
    hosts: ['a', '::1'],
    loopback: false,
  });
});

for (const address of [
  'localhost:1',
  '127.0.0.1:1',
  '127.9.9.9:65535',
  '[::1]:5',
]) {
  test(`${address} is loopback`, () =>
    assert.equal(parseAddress(address).loopback, true));
}

for (const address of [
  '127.0.0.1.evil.example:1',
  '128.0.0.1:1',
  'localhost.example:1',
]) {
  test(`${address} is not loopback`, () =>
    assert.equal(parseAddress(address).loopback, false));
}

for (const address of [
  'host',
  'host:',
  ':1',
  'host:0',
  'host:65536',
  'a:1,,b:2',
  'a:1,b',
  'unix:/tmp/x',
  '::1:5',
  '[a.b]:5',
  'https://host:1',
  'a b:1',
]) {
  test(`the address ${address} is refused`, () => {
    assert.throws(() => parseAddress(address), {
      name: 'ConfigError',
      message: /address \(WXIDENT_CLIENT_ADDR\)/,
    });
  });
}

function refusal(address: string, options: ClientOptions): string {
  try {
    new Client(address, options).close();
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  throw new Error('it was accepted');
}

test('the constructor names the option and the variable', (t) => {
  const folder = temporaryFolder(t);
  const at = (name: string) => path.join(folder, name);
  makeCa(folder, 'ca');
  makeCertificate(folder, 'one', 'ca', 'DNS:one');
  makeCertificate(folder, 'two', 'ca', 'DNS:two');
  fs.writeFileSync(at('text'), 'no certificate');

  assert.match(refusal('', {}), /^address \(WXIDENT_CLIENT_ADDR\) is missing/);
  assert.match(
    refusal('a:1', { insecure: true }),
    /^insecure \(WXIDENT_CLIENT_INSECURE\) is for loopback/,
  );
  assert.match(refusal('localhost:1,a:1', { insecure: true }), /loopback/);
  assert.match(
    refusal('localhost:1', { insecure: true, caFile: at('ca.pem') }),
    /^insecure \(WXIDENT_CLIENT_INSECURE\) does not go with/,
  );
  assert.match(
    refusal('a:1', { certFile: at('one.pem') }),
    /keyFile is missing/,
  );
  assert.match(
    refusal('a:1', { keyFile: at('one.key') }),
    /certFile is missing/,
  );
  assert.match(
    refusal('a:1', { caFile: at('absent') }),
    /^caFile \(WXIDENT_CLIENT_TLS_CA_FILE\): .*absent cannot be read \(ENOENT\)/,
  );
  assert.match(
    refusal('a:1', { caFile: at('text') }),
    /caFile.* holds no PEM certificates/,
  );
  const pair = {
    caFile: at('ca.pem'),
    certFile: at('one.pem'),
    keyFile: at('two.key'),
  };
  assert.match(
    refusal('a:1', pair),
    /WXIDENT_CLIENT_TLS_CERT_FILE.*WXIDENT_CLIENT_TLS_KEY_FILE/,
  );
  assert.match(refusal('a:1', { timeoutMs: 0 }), /timeoutMs/);
});

test("without a CA file the system's CAs are there", () => {
  new Client('wxident.example:443').close();
});

test('the environment', () => {
  assert.deepEqual(
    settingsFromEnv({
      WXIDENT_CLIENT_ADDR: 'a:1',
      WXIDENT_CLIENT_TLS_CA_FILE: 'ca',
      WXIDENT_CLIENT_TLS_CERT_FILE: 'cert',
      WXIDENT_CLIENT_TLS_KEY_FILE: 'key',
      WXIDENT_CLIENT_TLS_SERVER_NAME: 'name',
      WXIDENT_CLIENT_INSECURE: '',
    }),
    {
      address: 'a:1',
      options: {
        caFile: 'ca',
        certFile: 'cert',
        keyFile: 'key',
        serverName: 'name',
        insecure: false,
      },
    },
  );
  assert.equal(
    settingsFromEnv({ WXIDENT_CLIENT_INSECURE: 'true' }).options.insecure,
    true,
  );
  assert.throws(() => settingsFromEnv({ WXIDENT_CLIENT_INSECURE: 'yes' }), {
    name: 'ConfigError',
    message: /WXIDENT_CLIENT_INSECURE.*true or false/,
  });
});
