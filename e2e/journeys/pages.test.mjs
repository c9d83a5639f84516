// Every page as a visitor meets it: no complaint of the browser, nothing for axe to find, no sideways scroll on a phone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor, launch } from '../lib/browser.mjs';
import { Gatehouse } from '../lib/gatehouse.mjs';
import { signIn } from '../lib/portal.mjs';

const pages = [
  '/ui/', '/ui/keys', '/ui/keys/new', '/ui/usage', '/ui/usage?tab=caching', '/ui/logs', '/ui/playground', '/ui/models', '/ui/api',
  '/ui/teams', '/ui/teams/new', '/ui/users', '/ui/users/invite', '/ui/users/import', '/ui/budgets', '/ui/audit', '/ui/settings', '/ui/account',
];

const views = [
  { name: 'desktop light', width: 1440, dark: false },
  { name: 'phone dark', width: 390, dark: true },
  { name: 'narrow light', width: 320, dark: false },
];

/** Enough rows that lists, charts and menus are drawn: a team, users, keys, calls good and bad. Returns the addresses of what it made. */
async function fill(gate) {
  const { team_id: team } = await gate.admin('/team/new', { team_alias: 'Checkout', max_budget: 50, budget_duration: '1mo' });
  await gate.admin('/user/new', { user_email: 'maya@example.org', user_alias: 'Maya Okafor', auto_create_key: false });
  const { key, token_id: id } = await gate.admin('/key/generate', { key_alias: 'checkout-assistant', team_id: team, models: ['gpt-4o'], tags: ['prod'] });
  const { key: blocked } = await gate.admin('/key/generate', { key_alias: 'old-laptop', max_budget: 0.01 });
  await gate.admin('/key/block', { key: blocked });
  for (const model of ['gpt-4o', 'gpt-4o', 'gpt-4o-mini']) await gate.chat(key, model); // the last one is refused
  return [`/ui/keys/${id}`, `/ui/keys/${id}?tab=usage`, `/ui/keys/${id}?tab=settings`, `/ui/keys/${id}?tab=activity`, `/ui/teams/${team}`];
}

test('every page, in every size and theme', async (t) => {
  const gate = await Gatehouse.start(t);
  const more = await fill(gate);
  const browser = await launch(t);
  for (const view of views) {
    await t.test(view.name, async (tt) => {
      const visitor = await Visitor.open(browser, gate.url, view);
      const { page } = visitor;
      await signIn(visitor);
      for (const path of [...pages, ...more]) {
        await tt.test(path, async () => {
          const answer = await page.goto(path);
          assert.equal(answer.status(), 200);
          assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1, 'one h1');
          assert.match(await page.title(), /^.+ · /);
          await visitor.axe(`${path}, ${view.name}`);
          const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.ok(sideways <= 0, `the page is ${sideways} px too wide`);
          await visitor.shot(`page-${path.replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '')}-${view.width}`);
        });
      }
      await visitor.close();
    });
  }
});
