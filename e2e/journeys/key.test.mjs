// The first journey: from an empty gateway to a key that is made, used, blocked, rotated and deleted, on the real binary.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gatehouse } from '../lib/gatehouse.mjs';
import { Visitor, launch } from '../lib/browser.mjs';
import { until } from '../lib/process.mjs';
import * as portal from '../lib/portal.mjs';

/** One call costs 10 x $0.001 + 20 x $0.002. */
const callCost = '$0.05';

const runs = [
  { name: 'scripts on, SQLite', scripts: true, database: 'sqlite' },
  { name: 'scripts off, SQLite', scripts: false, database: 'sqlite' },
  { name: 'scripts on, PostgreSQL', scripts: true, database: 'postgres' },
];

for (const { name, scripts, database } of runs) {
  test(`a key's life: ${name}`, async (t) => {
    const gate = await Gatehouse.start(t, { database });
    const browser = await launch(t);
    const visitor = await Visitor.open(browser, gate.url, { scripts });
    const { page } = visitor;
    const look = async (what) => {
      await visitor.axe(what);
      await visitor.shot(`${database}-${scripts ? 'on' : 'off'}-${what}`);
    };
    const status = async (key) => (await gate.chat(key)).status;

    await page.goto('/login');
    await look('sign-in');
    await portal.signIn(visitor, { next: '/ui/' });
    await look('overview');

    const key = await portal.createKey(visitor, 'journey-key');
    await look('copy-once');
    await portal.savedMyKey(visitor);
    assert.ok(!(await page.content()).includes(key), 'the secret is seen once');

    const answer = await gate.chat(key);
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).choices[0].message.content, 'Hello from the fake provider.');
    const sent = (await gate.upstream()).at(-1);
    assert.ok(!JSON.stringify(sent).includes(key), 'the provider never sees the key');

    await until('the spend to show in the list', async () => (await (await portal.keyRow(visitor, 'journey-key')).innerText()).includes(callCost));
    await look('keys');
    await page.goto('/ui/usage');
    await page.getByText(callCost, { exact: true }).filter({ visible: true }).first().waitFor();
    await look('usage');

    await portal.blockKey(visitor, 'journey-key', 'lost laptop');
    await look('key-blocked');
    assert.equal(await status(key), 401, 'a blocked key is refused');
    if (scripts) await portal.undo(visitor, 'journey-key', 'Active');
    else await portal.unblockKey(visitor, 'journey-key');
    assert.equal(await status(key), 200, 'an unblocked key works again');

    const rotated = await portal.rotateKey(visitor, 'journey-key', '0s');
    await portal.savedMyKey(visitor);
    assert.equal(await status(key), 401, 'the old secret stops at once');
    assert.equal(await status(rotated), 200);

    await portal.deleteKey(visitor, 'journey-key');
    await look('keys-after');
    assert.equal(await status(rotated), 401, 'a deleted key is refused');

    await portal.signOut(visitor);
    await page.goto('/ui/keys');
    assert.match(page.url(), /\/login/, 'signed out is signed out');
    await visitor.close();
  });
}
