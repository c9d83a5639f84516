// Work on many rows: it has a page that shows how far it is, which nobody else sees, and a file with what became of each row. An
// export says when it is whole.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Visitor, launch } from '../lib/browser.mjs';
import { Gatehouse } from '../lib/gatehouse.mjs';
import { signIn } from '../lib/portal.mjs';

const many = 70;

for (const scripts of [true, false]) {
  test(`many rows: scripts ${scripts ? 'on' : 'off'}`, async (t) => {
    const gate = await Gatehouse.start(t);
    const browser = await launch(t);
    for (let i = 0; i < many; i++) await gate.admin('/key/generate', { key_alias: `bulk-${i}` });
    const visitor = await Visitor.open(browser, gate.url, { scripts });
    const { page } = visitor;
    await signIn(visitor);
    const download = async (link) => {
      const [file] = await Promise.all([page.waitForEvent('download'), link.click()]);
      return { name: file.suggestedFilename(), lines: (await readFile(await file.path(), 'utf8')).trim().split('\n') };
    };

    await t.test('an import', async () => {
      await page.goto('/ui/users/import');
      await page.locator('#csv').fill(Array.from({ length: many }, (_, i) => `new-${i}@example.org,internal_user`).join('\n'));
      await page.getByRole('button', { name: 'Check rows' }).click();
      // The page stands still while axe looks at it: it asks, and hears nothing new.
      const still = (route) => (route.request().headers()['hx-request'] ? route.fulfill({ status: 204 }) : route.continue());
      const asking = /\/ui\/jobs\//;
      await page.route(asking, still);
      await page.getByRole('button', { name: `Invite ${many} users` }).click();
      await page.waitForURL(/\/ui\/jobs\//);
      await visitor.axe('a job at work');
      await page.unroute(asking, still);
      await page.getByText(`Done: all ${many} rows.`).waitFor();
      await visitor.axe('a job that has ended');
      await visitor.shot(`job-${scripts ? 'on' : 'off'}`);
      const { name, lines } = await download(page.getByRole('link', { name: 'Download result' }));
      assert.match(name, /^invitations-/);
      assert.equal(lines.length, many + 1);
      assert.match(lines[1], /\/ui\/onboarding\?id=/);
      await page.goto('/ui/users/import');
      assert.equal(await page.getByRole('main').locator('a[href*="/ui/jobs/"]').count(), 1, 'the way back to it');
    });

    await t.test('many keys', async () => {
      if (scripts) {
        await page.goto('/ui/keys?size=100&q=bulk-');
        await page.getByLabel('Select all on this page').check();
        await page.getByRole('button', { name: 'Delete', exact: true }).click();
        await page.locator('dialog#dialog[open]').getByRole('button', { name: 'Delete', exact: true }).click();
      } else {
        await page.goto('/ui/keys?size=100&q=bulk-');
        for (const box of await page.locator('[data-bulk-item]').all()) await box.check();
        await page.getByRole('button', { name: 'Delete', exact: true }).click();
        await page.getByRole('main').getByRole('button', { name: 'Delete', exact: true }).click();
      }
      await page.waitForURL(/\/ui\/jobs\//);
      const job = page.url();
      await page.getByText(`Done: all ${many} rows.`).waitFor();
      assert.equal((await gate.admin('/key/list?size=100')).total_count, 0, 'keys are left');

      const { user_id: id } = await gate.admin('/user/new', { user_email: 'ben@example.org', user_role: 'proxy_admin', auto_create_key: false });
      const link = `/ui/onboarding?id=${(await gate.admin('/invitation/new', { user_id: id })).id}`;
      const ben = await Visitor.open(browser, gate.url, { scripts });
      await ben.page.goto(link);
      await ben.page.locator('input[name=password]').fill('a long pass phrase 42');
      await ben.page.locator('input[name=password_repeat]').fill('a long pass phrase 42');
      await ben.page.locator('form[action$="/ui/onboarding"] button[type=submit]').click();
      await ben.page.waitForURL(/\/ui\/welcome/);
      ben.expect(/404/);
      assert.equal((await ben.page.goto(job)).status(), 404, "another person's job");
      await ben.close();
    });

    await t.test('an export', async () => {
      await gate.admin('/key/generate', { key_alias: 'kept' });
      await page.goto('/ui/keys');
      const link = page.locator('#export');
      assert.match(await link.innerText(), /1 row/);
      const { name, lines } = await download(link);
      assert.match(name, /^keys-.*\.csv$/);
      assert.equal(lines.length, 2);
      if (scripts) await page.getByText('The export is complete').waitFor();
    });
    await visitor.close();
  });
}
