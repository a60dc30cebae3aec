// The example site under requests that no browser sends, over raw sockets. It
// has no wxident, so that its calls fail too. Whatever comes, the site answers
// the next one.
import assert from 'node:assert/strict';
import net from 'node:net';
import nodeTest, { after, before } from 'node:test';
import { Stack, websiteApp } from './stack.js';

let stack, port;

before(async () => {
  stack = new Stack();
  const site = await stack.startSite({
    APP_ID: websiteApp,
    // Plain text, and nobody who listens there.
    TLS_CERT_FILE: '',
    WXIDENT_CLIENT_ADDR: '127.0.0.1:1',
  });
  port = Number(new URL(site).port);
});

after(() => stack?.stop());

// Sends bytes and gives the status of each answer, when the other side ends.
function statusesOf(bytes) {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1');
    socket.setTimeout(30_000, () => reject(new Error(`no end of ${bytes}`)));
    socket.on('data', (part) => (text += part));
    // Refused bytes may come back as a reset.
    socket.on('error', () => {});
    socket.on('close', () => {
      socket.setTimeout(0);
      const lines = text.match(/^HTTP\/1\.1 \d+/gm) || [];
      resolve(lines.map((line) => Number(line.slice(9))));
    });
  });
}

const get = (target, headers = '') =>
  `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`;

// A test whose site must answer afterwards.
function test(name, body) {
  nodeTest(name, async () => {
    try {
      await body();
      assert.deepEqual(await statusesOf(get('/')), [200]);
      assert.ok(stack.isUp());
    } catch (error) {
      console.error(stack.logs());
      throw error;
    }
  });
}

for (const target of [
  '//', '///', '//[', '//evil.example/login', '/\\', '/%', '/%zz', '/%00',
  '/%c0%ae', '/..', '/../../etc/passwd', '/login/', '/__proto__',
  '/constructor', 'http://[', 'http://', 'http:', 'https://x:99999/', 'x:', '*',
  '?', '??', '?#', ';', 'javascript:1', `/${'a'.repeat(8000)}`,
]) {
  test(`GET ${target.slice(0, 30)}: there is no such page`, async () => {
    const statuses = await statusesOf(get(target));
    // 400: Node's parser takes it for no HTTP.
    assert.ok(['400', '404'].includes(statuses.join()), statuses.join());
  });
}

for (const query of [
  '', '?', '?%', '?%zz&state=%', '?state', '?state=&state=1', '?code=%ff%fe',
  '?state=%C3%A9', `?state=${'a'.repeat(8000)}`, '?__proto__=1',
]) {
  test(`/callback${query.slice(0, 30)}: not of this browser`, async () => {
    for (const cookie of [
      '', 'Cookie: __Host-login-state=e\r\n', 'Cookie: ;=;;=\r\n',
      'Cookie: __Host-login-state\r\n', 'Cookie: __Host-login-state=\xff\r\n',
    ]) {
      const request = Buffer.from(get(`/callback${query}`, cookie), 'latin1');
      assert.deepEqual(await statusesOf(request), [400]);
    }
  });
}

test('one state in two encodings is no state', async () => {
  // As many characters, but not as many bytes.
  const cookie = 'Cookie: __Host-login-state=a\r\n';
  assert.deepEqual(
    await statusesOf(get('/callback?state=%C3%A9', cookie)),
    [400],
  );
});

test('a call that fails is an answer', async () => {
  const session = 'Cookie: __Host-session=x\r\n';
  const state = 'Cookie: __Host-login-state=s\r\n';
  assert.deepEqual(await statusesOf(get('/', session)), [503]);
  assert.deepEqual(await statusesOf(get('/login')), [503]);
  assert.deepEqual(await statusesOf(get('/callback?state=s&code=c', state)), [
    503,
  ]);
  assert.deepEqual(
    await statusesOf(get('/', session).replace('GET / ', 'POST /logout ')),
    [503],
  );
});

test('what is no HTTP gets no page', async () => {
  const refused = [
    'GET / HTTP/1.1\r\n\r\n', // Without a host.
    'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'NONSENSE / HTTP/1.1\r\nHost: x\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'POST /logout HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n' +
      'Content-Length: 3\r\n\r\nabc',
    'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
    `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${'a'.repeat(100_000)}\r\n\r\n`,
  ];
  for (const bytes of refused) {
    const statuses = await statusesOf(Buffer.from(bytes, 'latin1'));
    // No answer at all, or a refusal.
    for (const status of statuses) {
      assert.ok(status >= 400 && status < 500, `${status}: ${bytes}`);
    }
  }
});

test('odd but whole requests are answered', async () => {
  for (const [request, status] of [
    ['OPTIONS *', 404], ['TRACE /', 404], ['HEAD /', 404], ['PUT /login', 404],
    ['POST /', 404],
  ]) {
    assert.deepEqual(
      await statusesOf(get('/').replace('GET /', request)),
      [status],
      request,
    );
  }
  for (const header of [
    'Upgrade: websocket\r\n', 'Expect: 100-continue\r\n', 'Cookie: \r\n',
  ]) {
    assert.equal((await statusesOf(get('/', header))).at(-1), 200, header);
  }
});

test('who hangs up early harms nobody', async () => {
  for (let i = 0; i < 50; ++i) {
    await new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.write(get('/login').slice(0, 10 + i));
        socket.write(get('/', 'Cookie: __Host-session=x\r\n').repeat(3));
        socket.resetAndDestroy();
      });
      socket.on('error', () => {});
      socket.on('close', resolve);
    });
  }
});
