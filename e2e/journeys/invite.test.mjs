// A new person's way: invitation, mail, password, first key, first call; and a forgotten password with a second factor.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gatehouse } from '../lib/gatehouse.mjs';
import { Visitor, launch } from '../lib/browser.mjs';
import { MailServer, appCode } from '../lib/mail.mjs';
import * as portal from '../lib/portal.mjs';

const runs = [
  { name: 'English, scripts on, SQLite', locale: 'en-GB', lang: 'en', scripts: true, database: 'sqlite', subject: 'You are invited to Gatehouse', says: 'Set your password' },
  { name: '简体中文, scripts on, PostgreSQL', locale: 'zh-CN', lang: 'zh-CN', scripts: true, database: 'postgres', subject: '邀请您使用 Gatehouse', says: '设置密码' },
  { name: 'English, scripts off, SQLite', locale: 'en-GB', lang: 'en', scripts: false, database: 'sqlite', subject: 'You are invited to Gatehouse', says: 'Set your password' },
];
const first = 'korrekt-pferd-batterie';
const second = 'ein-neues-pferd-im-stall';

/** The link in a mail: a page of this gateway. */
function linkIn(letter, gate, path) {
  const link = letter.Text.match(/http\S+/)[0];
  assert.ok(link.startsWith(`${gate.url}${path}?`), `${link} leads to this gateway`);
  assert.ok(letter.HTML.includes(link.replaceAll('&', '&amp;')), 'the HTML form has the same link');
  return link;
}

/** Signs in by email and password; the page that follows is the caller's to check. */
async function password({ page }, email, value) {
  await page.goto('/login');
  await page.locator('input[autocomplete=username]').fill(email);
  await page.locator('input[autocomplete=current-password]').fill(value);
  await page.locator('form[action="/login"] button[type=submit]').click();
}

for (const { name, locale, lang, scripts, database, subject, says } of runs) {
  test(`from an invitation to the first call: ${name}`, async (t) => {
    const mail = await MailServer.start(t);
    const gate = await Gatehouse.start(t, { database, env: mail.env });
    const browser = await launch(t);
    const inviter = await Visitor.open(browser, gate.url, { scripts, locale });
    await inviter.page.goto('/login');
    await inviter.page.locator('input[autocomplete=username]').fill('admin');
    await inviter.page.locator('input[autocomplete=current-password]').fill('e2e-password-of-the-admin');
    await inviter.page.locator('form[action="/login"] button[type=submit]').click();
    await inviter.page.waitForURL(/\/ui\//);
    await inviter.page.goto('/ui/users/invite');
    await inviter.page.locator('input[name=user_email]').fill('noor@acme.test');
    await inviter.page.locator('form[action="/ui/users/invite"] button[type=submit]').click();
    await inviter.page.locator('#invite-link').waitFor();
    await inviter.close();

    const letter = await mail.letter(1);
    assert.equal(letter.To, 'noor@acme.test');
    assert.equal(letter.Subject, subject);
    assert.ok(letter.Text.includes(says) && letter.HTML.includes(says) && letter.HTML.includes(`lang="${lang}"`));
    const link = linkIn(letter, gate, '/ui/onboarding');

    for (let i = 0; i < 2; i += 1) assert.equal((await fetch(link)).status, 200, 'a mail scanner changes nothing');
    const visitor = await Visitor.open(browser, gate.url, { scripts, locale });
    const { page } = visitor;
    await page.goto(link);
    await visitor.axe('the invitation');
    await page.locator('input[name=password]').fill(first);
    await page.locator('input[name=password_repeat]').fill(first);
    await page.locator('form[action="/ui/onboarding"] button[type=submit]').click();
    await page.waitForURL(/\/ui\/welcome/);
    assert.equal(await page.locator('html').getAttribute('lang'), lang);
    await visitor.axe('the welcome');
    await page.locator('main a[href^="/ui/keys/new"]').first().click();
    await page.locator('input[name=key_alias]').fill('first-key');
    await page.locator('form[action^="/ui/keys/new"] button[type=submit]').last().click();
    const field = page.locator('input[readonly]:visible').first();
    await field.waitFor();
    const secret = await field.inputValue();
    assert.match(secret, /^sk-[\w-]{43}$/);
    assert.equal((await gate.chat(secret)).status, 200, 'the first call');
    assert.equal((await fetch(link)).status, 410, 'the link works once');
    await visitor.close();
  });
}

for (const scripts of [true, false]) {
  test(`a forgotten password and a second factor: scripts ${scripts ? 'on' : 'off'}`, async (t) => {
    const mail = await MailServer.start(t);
    const gate = await Gatehouse.start(t, { env: mail.env });
    await gate.admin('/user/new', { user_id: 'ana', user_email: 'ana@acme.test', user_role: 'internal_user', password: first, auto_create_key: false });
    const browser = await launch(t);
    const visitor = await Visitor.open(browser, gate.url, { scripts });
    const { page } = visitor;
    visitor.expect(/40[139]|410|422/); // refusals that are provoked here
    const look = async (what) => {
      await visitor.axe(what);
      await visitor.shot(`factor-${scripts ? 'on' : 'off'}-${what}`);
    };

    await password(visitor, 'ana@acme.test', first);
    await page.waitForURL(/\/ui\//);
    await page.goto('/ui/account');
    const factor = page.locator('#factor');
    await look('account');
    await factor.locator('input[name=current_password]').fill(first);
    await factor.getByRole('button', { name: 'Set up' }).click();
    const key = await page.locator('#factor-secret').inputValue();
    await look('setup');
    await page.locator('#code').fill('000000');
    await page.getByRole('button', { name: 'Turn on' }).click();
    await page.getByText('This code is wrong or has run out.').first().waitFor();
    assert.equal(await page.locator('#factor-secret').inputValue(), key, 'a wrong code changes nothing');
    await page.locator('#code').fill(appCode(key));
    await page.getByRole('button', { name: 'Turn on' }).click();
    await page.getByText('10 recovery codes are left.').waitFor();
    const codes = await factor.locator('li').allInnerTexts();
    assert.equal(codes.length, 10);
    await look('recovery-codes');
    await portal.signOut(visitor);

    await page.goto('/login');
    await page.getByRole('link', { name: 'Forgot password?' }).click();
    await look('forgot');
    await page.locator('input[name=user_email]').fill('ana@acme.test');
    await page.getByRole('button', { name: 'Send link' }).click();
    await page.getByText('If this address has an account').waitFor();
    await look('forgot-sent');
    await page.goto(linkIn(await mail.letter(1), gate, '/ui/reset'));
    await look('reset');
    await page.locator('input[name=password]').fill(second);
    await page.locator('input[name=password_repeat]').fill(second);
    await page.getByRole('button', { name: 'Set password' }).click();
    await page.waitForURL(/\/ui\/reset\/done/);
    await look('reset-done');

    await password(visitor, 'ana@acme.test', second);
    await page.waitForURL(/\/login\/code/);
    await look('code');
    await page.locator('#code').fill('000000');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This code is wrong or has run out.').first().waitFor();
    await page.getByRole('link', { name: 'Use a recovery code' }).click();
    await look('recovery-code');
    await page.locator('#code').fill(codes[0]);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/\/ui\//);
    await page.goto('/ui/account');
    await page.getByText('9 recovery codes are left.').waitFor();
    await factor.locator('input[name=current_password]').fill(second);
    await factor.getByRole('button', { name: 'Turn off' }).click();
    await page.getByText('The second factor is off.').waitFor();
    await visitor.close();
  });
}
