// Everything by keyboard: where focus goes when menus, dialogs, the drawer and the palette open, that it stays inside them, that
// Escape closes them, and where it is then. What a list shows while it loads, and without a connection.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor, launch } from '../lib/browser.mjs';
import { Gatehouse } from '../lib/gatehouse.mjs';
import { signIn } from '../lib/portal.mjs';
import { until } from '../lib/process.mjs';

/** What has focus: its label, its words or its id, and the dialog it stands in. */
const focus = (page) => page.evaluate(() => {
  const a = document.activeElement;
  return { id: a.id, name: (a.getAttribute('aria-label') ?? a.textContent ?? '').trim().slice(0, 60), tag: a.tagName, box: a.closest('dialog')?.id };
});

async function focused(page, what, check) {
  let last;
  await until(what, async () => check(last = await focus(page))).catch((error) => {
    throw new Error(`${error.message}; focus is on ${JSON.stringify(last)}`);
  });
}

test('by keyboard alone', async (t) => {
  const gate = await Gatehouse.start(t);
  const { key } = await gate.admin('/key/generate', { key_alias: 'web' });
  await gate.admin('/key/generate', { key_alias: 'other' });
  await gate.chat(key);
  const browser = await launch(t);
  const visitor = await Visitor.open(browser, gate.url);
  const { page } = visitor;
  const press = (...keys) => keys.reduce((before, k) => before.then(() => page.keyboard.press(k)), Promise.resolve());
  await signIn(visitor);
  await until('the call to be booked', async () => {
    await page.goto('/ui/keys');
    return /just now|ago/.test(await page.getByRole('row').filter({ hasText: 'web' }).innerText());
  });

  await t.test('the first stop leads past the side bar', async () => {
    await press('Tab');
    assert.equal((await focus(page)).name, 'Skip to content');
    await press('Enter');
    await focused(page, 'focus on the content', (f) => f.id === 'main');
  });

  /** Focuses a key's menu button and opens it. */
  const menu = async () => {
    await page.getByLabel('Actions for web').filter({ visible: true }).first().focus();
    await press('Enter');
  };

  await t.test('a menu', async () => {
    await menu();
    await press('ArrowDown');
    assert.equal((await focus(page)).name, 'Open');
    await press('ArrowUp');
    assert.equal((await focus(page)).name, 'Delete', 'it goes round');
    await press('Escape');
    assert.equal((await focus(page)).name, 'Actions for web');
    assert.equal(await page.locator('details[data-menu][open]').count(), 0);
  });

  await t.test('a dialog keeps focus until Escape', async () => {
    await menu();
    while ((await focus(page)).name !== 'Rotate') await press('ArrowDown');
    await press('Enter');
    await focused(page, 'focus in the dialog', (f) => f.id === 'grace_period');
    for (let i = 0; i < 9; i += 1) {
      await press('Tab');
      const f = await focus(page);
      assert.ok(f.box === 'dialog' || f.tag === 'BODY', `focus left the dialog for ${JSON.stringify(f)}`); // BODY: the browser's own bar
    }
    await press('Escape');
    await focused(page, 'focus back on the menu', (f) => f.name === 'Actions for web');
  });

  await t.test('deleting begins on Cancel, and a used key wants its name', async () => {
    await menu();
    await press('ArrowUp', 'ArrowUp');
    while ((await focus(page)).name !== 'Delete') await press('ArrowDown');
    await press('Enter');
    await focused(page, 'focus on Cancel', (f) => f.name === 'Cancel' && f.box === 'dialog');
    await page.locator('#confirm').waitFor();
    await page.getByRole('button', { name: 'Delete key' }).focus();
    await press('Enter');
    await focused(page, 'focus on the field for the name', (f) => f.id === 'confirm');
    await press('Escape');
    await focused(page, 'focus back on the menu', (f) => f.name === 'Actions for web');
  });

  await t.test('creating a key, with a mistake first', async () => {
    visitor.expect(/422/);
    await page.locator('h1').focus();
    await press('c');
    await focused(page, 'focus on the name', (f) => f.id === 'key_alias');
    await press('Control+Enter');
    await until('the message', () => page.locator('#key_alias-error').count());
    await focused(page, 'focus on the bad field', (f) => f.id === 'key_alias');
    await page.keyboard.type('typed');
    await press('Control+Enter');
    await focused(page, 'focus on the key', (f) => f.id === 'secret');
    const asked = page.waitForEvent('dialog').then(async (d) => {
      await d.dismiss();
      return d.message();
    });
    const pressed = press('Escape'); // it may wait until the question is answered
    assert.equal(await asked, 'Close without copying? You cannot see this key again.');
    await Promise.race([pressed, page.waitForTimeout(2000)]);
    assert.equal(await page.locator('#secret').count(), 1, 'it is still there');
    await page.getByRole('button', { name: 'Copy key' }).focus();
    await press('Enter');
    await page.getByText('Copied').first().waitFor();
    await press('Escape');
    await page.locator('dialog#dialog[open]').waitFor({ state: 'detached' });
    assert.equal(await page.locator('#secret').count(), 0, 'the secret leaves the page with its dialog');
  });

  await t.test('the palette finds a key and the way back', async () => {
    await page.locator('h1').focus();
    await press('Control+k');
    await focused(page, 'focus in the palette', (f) => f.id === 'palette-input');
    await page.keyboard.type('web');
    await page.locator('#palette-list [data-href*="/ui/keys/"]').first().waitFor();
    await press('Escape');
    await focused(page, 'focus where it was', (f) => f.tag === 'H1');
  });

  await t.test('the drawer has an address, and Back closes it', async () => {
    await page.goto('/ui/logs');
    await page.locator('#list a[href*="log="]').filter({ visible: true }).first().focus();
    const row = await focus(page);
    await press('Enter');
    await focused(page, 'focus in the drawer', (f) => f.box === 'drawer');
    assert.match(page.url(), /[?&]log=/);
    await press('Escape');
    await page.waitForURL((url) => !url.searchParams.has('log'));
    await focused(page, 'focus back on the row', (f) => f.name === row.name);
  });

  await t.test('a chart reads one bar at a time', async () => {
    await page.goto('/ui/usage');
    await page.locator('[data-chart-area]').focus();
    await press('ArrowLeft');
    const said = page.locator('.say');
    await until('the bar to be read', async () => /21|20\d\d|\$/.test(await said.allInnerTexts().then((all) => all.join(' '))) || page.locator('.chart-card, [data-chart-card]').count());
  });

  await t.test('while a list loads it says so, and an address holds only filters that are set', async () => {
    let answer;
    const held = new Promise((resolve) => { answer = resolve; });
    await page.goto('/ui/keys');
    await page.route((url) => url.searchParams.get('q') === 'other', async (route) => { await held; await route.continue(); });
    await press('/');
    await focused(page, 'focus on the search', (f) => f.id === 'q');
    await page.keyboard.type('other');
    await page.locator('#list[aria-busy="true"]').waitFor();
    answer();
    await page.locator('#list:not([aria-busy])').waitFor();
    await until('the address', () => new URL(page.url()).searchParams.get('q') === 'other');
    assert.ok(![...new URL(page.url()).searchParams.values()].includes(''), page.url());
    await focused(page, 'focus still on the search', (f) => f.id === 'q');
    await page.unroute(() => true);
  });

  await t.test('without a connection nothing is said to be saved', async () => {
    visitor.expect(/ERR_INTERNET_DISCONNECTED|ERR_FAILED|htmx:sendError/);
    await page.goto('/ui/keys');
    await visitor.context.setOffline(true);
    await page.getByLabel('Actions for web').filter({ visible: true }).first().focus();
    await press('Enter');
    while ((await focus(page)).name !== 'Block') await press('ArrowDown');
    await press('Enter');
    await page.locator('#alerts').getByText('No connection. Nothing was saved.').waitFor();
    await visitor.context.setOffline(false);
  });

  await t.test('at 400 per cent nothing scrolls sideways', async () => {
    await page.setViewportSize({ width: 320, height: 256 }); // what 1280 x 1024 is then
    for (const path of ['/ui/', '/ui/keys', '/ui/usage', '/ui/logs', '/ui/playground', '/ui/account']) {
      await page.goto(path);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(over <= 0, `${path} is ${over} px too wide`);
    }
    await page.goto('/ui/account');
    const shown = page.locator('main input:visible, main button:visible, main a:visible');
    for (let i = 0; i < Math.min(await shown.count(), 12); i += 1) {
      await shown.nth(i).focus();
      const hidden = await shown.nth(i).evaluate((n) => {
        const bar = document.querySelector('header').getBoundingClientRect().bottom;
        const at = n.getBoundingClientRect();
        return at.bottom <= bar || at.top >= innerHeight;
      });
      assert.ok(!hidden, 'a sticky bar covers what has focus');
    }
  });

  await visitor.close();
});
