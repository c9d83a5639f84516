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

/** Every width, light and dark. A page is loaded once and looked at in each: its markup is the same. */
const widths = [1440, 390, 320];

/** What opens over a page: where it is, and what opens it. Each is looked at like a page. */
const overlays = [
  ['/ui/keys', 'main a[href$="/ui/keys/new"]', '#dialog'],
  ['/ui/keys/:id', 'main a[href*="/rotate"]', '#dialog'],
  ['/ui/keys/:id', 'main a[href*="/block"]', '#dialog'],
  ['/ui/keys/:id', 'main a[href*="/delete"]', '#dialog'],
  ['/ui/teams', 'main a[href$="/ui/teams/new"]', '#dialog'],
  ['/ui/users', 'main a[href$="/ui/users/invite"]', '#dialog'],
  ['/ui/models', 'main a[href$="/ui/deployments/new"]', '#dialog'],
  ['/ui/budgets', 'main a[href$="/ui/budgets/new"]', '#dialog'],
  ['/ui/logs?range=7d', '#list a[href*="log="]', '#drawer'],
  ['/ui/audit', '#list a[href*="entry="]', '#drawer'],
  ['/ui/', '[data-open-palette]', '#palette'],
  ['/ui/', '?', '#shortcut-list'],
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

/** Imports enough people that it becomes a job, waits for its end and returns its id. */
async function job(page) {
  const many = 60;
  await page.goto('/ui/users/import');
  await page.locator('#csv').fill(Array.from({ length: many }, (_, i) => `new-${i}@example.org,internal_user`).join('\n'));
  await page.getByRole('button', { name: 'Check rows' }).click();
  await page.getByRole('button', { name: `Invite ${many} users` }).click();
  await page.waitForURL(/\/ui\/jobs\//);
  await page.getByText(`Done: all ${many} rows.`).waitFor();
  return new URL(page.url()).pathname.split('/').at(-1);
}

/** Looks at the page as it stands in every width, light and dark. */
async function inspect(visitor, what) {
  const { page } = visitor;
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate(() => scrollTo(0, 0)); // from its beginning: a bar that stays on top covers what is scrolled under it
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(() => requestAnimationFrame(drawn)); }));
      // In the dark only the colours are other ones.
      await visitor.axe(`${what}, ${width} px, ${colorScheme}`, colorScheme === 'dark' ? ['color-contrast', 'link-in-text-block'] : undefined);
    }
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(sideways <= 0, `${what} is ${sideways} px too wide at ${width} px`);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

test('every page, dialog and drawer, in every size and theme', async (t) => {
  const gate = await Gatehouse.start(t, { env: { STORE_MODEL_IN_DB: 'True' } });
  const ids = await fill(gate);
  const browser = await launch(t);
  const visitor = await Visitor.open(browser, gate.url);
  const { page } = visitor;
  await page.goto('/login');
  await inspect(visitor, 'sign-in');
  await signIn(visitor);
  const row = await page.getByRole('row').filter({ hasText: 'checkout-assistant' }).getAttribute('id');
  ids['/keys/:id'] = row.replace(/^key-/, '');
  ids['/jobs/:id'] = await job(page);
  const real = (pattern) => pattern.replace(/\/\w+\/[:*]\w*/g, (part) => part.replace(/[:*]\w*/, ids[part] ?? assert.fail(`no example for ${part}`)));
  for (const pattern of pages.flatMap((p) => (p.endsWith(':section') ? sections.map((name) => p.replace(':section', name)) : [p]))) {
    await t.test(pattern, async () => {
      const path = real(pattern);
      const answer = await page.goto(path);
      assert.equal(answer.status(), 200);
      assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1, 'one h1');
      assert.match(await page.title(), /^.+ · /);
      await inspect(visitor, path);
      await visitor.shot(`page-${pattern.replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '')}`);
    });
  }
  for (const [where, opener, box] of overlays) {
    await t.test(`${where} ${opener}`, async () => {
      await page.goto(real(where));
      if (opener === '?') await page.keyboard.press('?');
      else await page.locator(opener).filter({ visible: true }).first().click();
      await page.locator(`dialog${box}[open]`).waitFor();
      await page.waitForFunction(() => !document.querySelector('.htmx-request'));
      await inspect(visitor, `${where} ${opener}`);
      await page.keyboard.press('Escape');
      await page.locator(`dialog${box}[open]`).waitFor({ state: 'detached' });
    });
  }
  await visitor.close();
});
