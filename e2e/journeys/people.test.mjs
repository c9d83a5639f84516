// What people of every role come for: from an invitation to the first request, a team admin who adds a member, a viewer who may
// only look, and an admin who finds why a call was refused. Found by address and field, so that one journey walks in both languages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor, launch } from '../lib/browser.mjs';
import { Gatehouse, masterKey } from '../lib/gatehouse.mjs';
import { signIn } from '../lib/portal.mjs';
import { until } from '../lib/process.mjs';

const password = 'a long pass phrase 42';

const runs = [
  { name: 'scripts on, English', scripts: true, locale: 'en-GB', lang: 'en', keys: 'API keys' },
  { name: 'scripts off, 简体中文', scripts: false, locale: 'zh-CN', lang: 'zh-CN', keys: 'API 密钥' },
];

for (const { name, scripts, locale, lang, keys } of runs) {
  test(`people: ${name}`, async (t) => {
    const gate = await Gatehouse.start(t);
    const browser = await launch(t);
    const enter = () => Visitor.open(browser, gate.url, { scripts, locale });
    const look = async (visitor, what) => {
      assert.equal(await visitor.page.locator('html').getAttribute('lang'), lang);
      await visitor.axe(what);
      await visitor.shot(`people-${lang}-${what}`);
    };
    const submit = ({ page }, action) => page.locator(`form[action$="${action}"] button[type=submit]`).first().click();
    const secretOf = async ({ page }) => {
      await page.locator('#secret').waitFor();
      return page.locator('#secret').inputValue();
    };

    /** Sets the password behind an invitation link. */
    const join = async (visitor, link) => {
      const { page } = visitor;
      await page.goto(link);
      await look(visitor, 'onboarding');
      await page.locator('input[name=password]').fill(password);
      await page.locator('input[name=password_repeat]').fill(password);
      await submit(visitor, '/ui/onboarding');
      await page.waitForURL(/\/ui\/welcome/);
    };
    const account = async (role, email) => {
      const { user_id: id } = await gate.admin('/user/new', { user_email: email, user_role: role, auto_create_key: false });
      return { id, link: `/ui/onboarding?id=${(await gate.admin('/invitation/new', { user_id: id })).id}` };
    };
    /** A POST as the visitor's browser would send it, from a page of the portal. */
    const force = ({ page }, path, form = {}) => page.request.post(gate.url + path, { form, headers: { origin: gate.url }, maxRedirects: 0 });

    const admin = await enter();
    await signIn(admin, { next: '/ui/', button: 'form[action$="/login"] button[type=submit]' });

    await t.test('an invitation leads to the first request', async () => {
      await admin.page.goto('/ui/users/invite');
      await admin.page.locator('input[name=user_email]').fill('maya@example.org');
      await submit(admin, '/ui/users/invite');
      const field = admin.page.locator('#invite-link');
      await field.waitFor();
      const link = await field.inputValue();
      await look(admin, 'invited');

      const maya = await enter();
      const { page } = maya;
      await join(maya, link);
      await look(maya, 'welcome');
      await page.locator('main a[href*="/ui/keys/new"]').click();
      await page.locator('input[name=key_alias]').fill('first-key');
      await submit(maya, '/ui/keys/new?back=welcome');
      const key = await secretOf(maya);
      await page.locator('main a[href$="/ui/welcome"]').click();
      await page.locator('#wait').waitFor();
      await look(maya, 'first-request');
      assert.ok(!(await page.content()).includes(key), 'the secret is seen once');
      assert.equal((await gate.chat(key)).status, 200);
      await until('the first request to be seen', async () => {
        if (!scripts) await page.reload();
        return page.locator('#wait a.btn-primary').count();
      });

      await page.goto('/ui/usage');
      await page.getByText('$0.05', { exact: true }).filter({ visible: true }).first().waitFor();
      await page.goto('/ui/keys');
      assert.equal(await page.locator('h1').innerText(), keys);
      const id = (await page.locator('tr[id^=key-]').first().getAttribute('id')).slice(4);
      await page.goto(`/ui/keys/${id}/rotate`);
      await page.locator('select[name=grace_period]').selectOption('0s');
      await submit(maya, `/ui/keys/${id}/rotate`);
      const rotated = await secretOf(maya);
      assert.equal((await gate.chat(key)).status, 401, 'the old secret stops at once');
      assert.equal((await gate.chat(rotated)).status, 200);

      await admin.page.goto(`/ui/keys/${id}/block?back=key`);
      await submit(admin, `/ui/keys/${id}/block?back=key`);
      await admin.page.waitForURL((url) => url.pathname.endsWith(`/ui/keys/${id}`));
      assert.equal((await gate.chat(rotated)).status, 401, 'a blocked key is refused');
      await submit(admin, `/ui/keys/${id}/unblock?back=key`);
      await until('the key to work again', async () => (await gate.chat(rotated)).status === 200);

      await page.goto(`/ui/keys/${id}/delete`);
      await page.locator('input[name=confirm]').fill('first-key');
      await submit(maya, `/ui/keys/${id}/delete`);
      await page.waitForURL(/\/ui\/keys$/);
      assert.equal(await page.locator(`#key-${id}`).count(), 0);
      assert.equal((await gate.chat(rotated)).status, 401, 'a deleted key is refused');

      maya.expect(/410 \(Gone\)/);
      await page.goto(link);
      assert.equal(await page.locator('input[name=password]').count(), 0, 'the link works once');
      await maya.close();
    });

    await t.test('a team admin adds a member with a budget', async () => {
      const { team_id: team } = await gate.admin('/team/new', { team_alias: 'Checkout' });
      const lead = await account('internal_user', 'lead@example.org');
      const member = await account('internal_user', 'member@example.org');
      await gate.admin('/team/member_add', { team_id: team, member: { user_id: lead.id, role: 'admin' } });
      const visitor = await enter();
      const { page } = visitor;
      await join(visitor, lead.link);
      await page.goto(`/ui/teams/${team}`);
      const form = page.locator(`form[action$="/ui/teams/${team}/members"]`);
      await form.locator('input[type=email], input[name=email], input[name=user_email]').first().fill('member@example.org');
      await form.locator('input[name=max_budget_in_team]').fill('12.50');
      await form.locator('button[type=submit]').click();
      const row = page.getByRole('row').filter({ hasText: 'member@example.org' });
      await row.getByText('$12.50').first().waitFor();
      await look(visitor, 'team');
      // Adding to a team that is not theirs, or deleting their own, is not a team admin's to do.
      const { team_id: foreign } = await gate.admin('/team/new', { team_alias: 'Search' });
      assert.equal((await force(visitor, `/ui/teams/${foreign}/members`, { email: 'member@example.org', role: 'user' })).status(), 404);
      assert.equal((await force(visitor, '/ui/teams/new', { team_alias: 'Mine' })).status(), 403);
      const info = await gate.admin(`/team/info?team_id=${team}`);
      const place = info.team_memberships.find((m) => m.user_id === member.id);
      assert.equal(place.litellm_budget_table.max_budget, 12.5);
      await visitor.close();
    });

    await t.test('viewers see no write control, and a forced one is refused', async () => {
      const { token } = await gate.admin('/key/generate', { key_alias: 'looked-at' });
      for (const role of ['internal_user_viewer', 'proxy_admin_viewer']) {
        const person = await account(role, `${role}@example.org`);
        const visitor = await enter();
        const { page } = visitor;
        await join(visitor, person.link);
        const everything = role === 'proxy_admin_viewer';
        const pages = ['/ui/', '/ui/keys', '/ui/usage', '/ui/logs', '/ui/models', '/ui/api', ...(everything ? ['/ui/teams', '/ui/users', '/ui/budgets', '/ui/audit', '/ui/settings/general'] : [])];
        for (const path of pages) {
          assert.equal((await page.goto(path)).status(), 200, `${role} sees ${path}`);
          const writes = await page.locator('main form[method=post]:not([action$="/preferences"]), main a[href$="/new"], main a[href*="/new?"], main a[href$="/invite"], main a[href$="/import"], [data-bulk-item]').count();
          assert.equal(writes, 0, `${role} is offered a change on ${path}`);
          assert.equal(await page.locator('#sidebar a[href$="/playground"]').count(), 0);
        }
        await look(visitor, role);
        for (const [path, form] of [['/ui/keys/new', { key_alias: 'x' }], ['/ui/teams/new', { team_alias: 'x' }], ['/ui/users/invite', { user_email: 'x@example.org' }], ['/ui/budgets/new', { budget_id: 'x' }], ['/ui/keys/bulk', { action: 'delete', keys: token }]]) {
          assert.equal((await force(visitor, path, form)).status(), 403, `${role} forces ${path}`);
        }
        await visitor.close();
      }
    });

    await t.test('an admin finds why a call was refused', async () => {
      const { key } = await gate.admin('/key/generate', { key_alias: 'narrow', models: ['gpt-4o'] });
      assert.equal((await gate.chat(key, 'gpt-4o-mini')).status, 403);
      const { page } = admin;
      await until('the refused call to be listed', async () => {
        await page.goto('/ui/logs?status=failed');
        return page.locator('#list tbody tr').filter({ hasText: 'narrow' }).count();
      });
      await page.locator('#list tbody tr').filter({ hasText: 'narrow' }).first().locator('a[href*="log="]').click();
      const drawer = scripts ? page.locator('dialog#drawer[open]') : page.getByRole('main');
      await drawer.locator('a[href*="/check?model="]').first().waitFor();
      await look(admin, 'refused');
      await drawer.locator('a[href*="/check?model="]').first().click();
      await page.waitForURL(/\/check\?model=gpt-4o-mini/);
      const said = page.locator('#check [role=status]');
      assert.match(await said.innerText(), /gpt-4o-mini/);
      assert.equal(await said.locator('a[href*="tab=settings"]').count(), 1, 'it leads to the list that refuses');
      await look(admin, 'check');
    });

    assert.ok(!(await admin.page.content()).includes(masterKey));
    await admin.close();
  });
}
