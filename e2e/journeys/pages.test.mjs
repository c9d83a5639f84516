// Every page as a visitor meets it: no complaint of the browser, nothing for axe to find, no sideways scroll on a phone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Visitor, launch } from '../lib/browser.mjs';
import { Gatehouse } from '../lib/gatehouse.mjs';
import { signIn } from '../lib/portal.mjs';
import { root } from '../lib/process.mjs';

/** Every GET page of app/portal/routes.go, so that a new page is looked at from its first day. */
const pages = [...readFileSync(join(root, 'app/portal/routes.go'), 'utf8').matchAll(/\bget\("([^"]+)"/g)]
  .map(([, path]) => path)
  .filter((path) => !/\.csv$|\/(options|tiles|count|body|search|stream)$/.test(path)); // downloads and parts are no pages

/** The words a setting's page may have in its address. */
const sections = [...readFileSync(join(root, 'app/portal/settings.go'), 'utf8').matchAll(/^\t\t\{"([a-z-]+)"/gm)].map(([, name]) => name);

const views = [
  { name: 'desktop light', width: 1440, dark: false },
  { name: 'phone dark', width: 390, dark: true },
  { name: 'narrow light', width: 320, dark: false },
];

/** Enough rows that lists, charts and menus are drawn: a team, users, keys, calls good and bad. Returns what stands for each parameter of an address. */
async function fill(gate) {
  const { team_id: team } = await gate.admin('/team/new', { team_alias: 'Checkout', max_budget: 50, budget_duration: '1mo' });
  const { user_id: user } = await gate.admin('/user/new', { user_email: 'maya@example.org', user_alias: 'Maya Okafor', auto_create_key: false });
  const { key } = await gate.admin('/key/generate', { key_alias: 'checkout-assistant', team_id: team, models: ['gpt-4o'], tags: ['prod'] });
  const { key: blocked } = await gate.admin('/key/generate', { key_alias: 'old-laptop', max_budget: 0.01 });
  await gate.admin('/key/block', { key: blocked });
  await gate.admin('/team/member_add', { team_id: team, member: { user_id: user, role: 'user' } });
  await gate.admin('/budget/new', { budget_id: 'small', max_budget: 5 });
  const { model_id: deployment } = await gate.admin('/model/new', {
    model_name: 'stored-model', litellm_params: { model: 'openai/gpt-4o', api_base: `${gate.provider}/v1`, api_key: 'sk-upstream' },
  });
  for (const model of ['gpt-4o', 'gpt-4o', 'gpt-4o-mini']) await gate.chat(key, model); // the last one is refused
  return {
    '/teams/:id': team, '/users/:id': user, '/members/:user': user, '/budgets/:id': 'small', '/deployments/:id': deployment, '/models/*': 'gpt-4o',
  };
}

test('every page, in every size and theme', async (t) => {
  const gate = await Gatehouse.start(t, { env: { STORE_MODEL_IN_DB: 'True' } });
  const ids = await fill(gate);
  const browser = await launch(t);
  for (const view of views) {
    await t.test(view.name, async (tt) => {
      const visitor = await Visitor.open(browser, gate.url, view);
      const { page } = visitor;
      await signIn(visitor);
      const row = await page.getByRole('row').filter({ hasText: 'checkout-assistant' }).getAttribute('id');
      ids['/keys/:id'] = row.replace(/^key-/, '');
      for (const pattern of pages.flatMap((p) => (p.endsWith(':section') ? sections.map((name) => p.replace(':section', name)) : [p]))) {
        await tt.test(pattern, async () => {
          const path = pattern.replace(/\/\w+\/[:*]\w*/g, (part) => part.replace(/[:*]\w*/, ids[part] ?? assert.fail(`no example for ${part}`)));
          const answer = await page.goto(path);
          assert.equal(answer.status(), 200);
          assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1, 'one h1');
          assert.match(await page.title(), /^.+ · /);
          await visitor.axe(`${path}, ${view.name}`);
          const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.ok(sideways <= 0, `the page is ${sideways} px too wide`);
          await visitor.shot(`page-${pattern.replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '')}-${view.width}`);
        });
      }
      await visitor.close();
    });
  }
});
