// Makes pages, and makes text safe to stand in them.

// Whatever comes from outside goes through this: a nickname is any text.
export function text(value) {
  const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return value.replace(/[&<>"]/g, (character) => entities[character]);
}

export function page(status, body, ...cookies) {
  return {
    status,
    cookies,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': "default-src 'none'; form-action 'self'",
    },
    body: `<!doctype html>
<html lang="en">
<title>Log in with WeChat</title>
<h1>Example</h1>
${body}
</html>
`,
  };
}
