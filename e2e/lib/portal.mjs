// What people do in the portal, found the way they find it: by role and label. Every step works with scripts on and off;
// with scripts a form opens in the dialog, without them it is a page of its own.
import assert from 'node:assert/strict';
import { admin } from './gatehouse.mjs';

/** Signs in as the admin of UI_USERNAME and UI_PASSWORD, from any page that sends visitors to the sign-in page. */
export async function signIn({ page }, { name = admin.name, password = admin.password } = {}) {
  await page.goto('/ui/');
  assert.match(page.url(), /\/login/, 'a visitor is sent to the sign-in page');
  await page.locator('input[autocomplete=username]').fill(name);
  await page.locator('input[autocomplete=current-password]').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL(/\/ui\//);
}

export async function signOut({ page }) {
  await page.locator('#sidebar details summary').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(/\/login/);
}

/** The dialog where scripts run, else the page's main part: where the form of a link or button is. */
function panel({ page, scripts }) {
  return scripts ? page.locator('dialog#dialog[open]') : page.getByRole('main');
}

/** Creates a key from the list's button and returns its secret, seen once. fill may set further fields. */
export async function createKey(visitor, name, fill) {
  const { page } = visitor;
  await page.goto('/ui/keys');
  await page.getByRole('main').getByRole('link', { name: 'Create key' }).first().click();
  const form = panel(visitor);
  await form.getByLabel('Name', { exact: true }).fill(name);
  await fill?.(form);
  await form.getByRole('button', { name: 'Create key' }).click();
  const field = panel(visitor).locator('input[readonly]');
  await field.waitFor();
  const secret = await field.inputValue();
  assert.match(secret, /^sk-[\w-]{43}$/, 'the new secret');
  return secret;
}

/** Leaves the copy-once view. */
export async function savedMyKey(visitor) {
  const { page } = visitor;
  await panel(visitor).getByRole('link', { name: 'I saved my key' }).click();
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.locator('input[readonly]').waitFor({ state: 'hidden' });
}

/** The row of a key in the list, fresh from the server. */
export async function keyRow({ page }, name) {
  await page.goto(`/ui/keys?q=${encodeURIComponent(name)}`);
  return page.getByRole('row').filter({ hasText: name });
}

/** Opens a key's own page. */
export async function openKey(visitor, name) {
  const row = await keyRow(visitor, name);
  await row.getByRole('link', { name, exact: true }).click();
  await visitor.page.getByRole('heading', { level: 1, name }).waitFor();
}

export async function blockKey(visitor, name, reason) {
  await openKey(visitor, name);
  await visitor.page.getByRole('main').getByRole('link', { name: 'Block', exact: true }).click();
  const form = panel(visitor);
  await form.getByLabel(/^Reason/).fill(reason);
  await form.getByRole('button', { name: 'Block key' }).click();
  await visitor.page.getByRole('main').getByText('Blocked', { exact: true }).first().waitFor();
}

export async function unblockKey(visitor, name) {
  await openKey(visitor, name);
  const { page } = visitor;
  await page.getByRole('main').getByRole('button', { name: 'Unblock' }).click();
  await page.getByRole('main').getByRole('link', { name: 'Block', exact: true }).waitFor();
}

/** Rotates a key, the old secret dying at once, and returns the new one. */
export async function rotateKey(visitor, name, grace) {
  await openKey(visitor, name);
  await visitor.page.getByRole('main').getByRole('link', { name: 'Rotate' }).click();
  const form = panel(visitor);
  await form.getByLabel(/^Old key/).selectOption(grace);
  await form.getByRole('button', { name: 'Rotate key' }).click();
  const field = panel(visitor).locator('input[readonly]');
  await field.waitFor();
  return field.inputValue();
}

/** Deletes a key, typing its name where that is asked for. */
export async function deleteKey(visitor, name) {
  await openKey(visitor, name);
  const { page } = visitor;
  await page.getByRole('main').getByRole('link', { name: 'Delete' }).click();
  const form = panel(visitor);
  await form.getByRole('button', { name: 'Delete key' }).waitFor();
  const confirm = form.locator('input[name=confirm]');
  if (await confirm.count()) await confirm.fill(name);
  await form.getByRole('button', { name: 'Delete key' }).click();
  await page.waitForURL(/\/ui\/keys(\?|$)/);
}
