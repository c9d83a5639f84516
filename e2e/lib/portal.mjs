// What people do in the portal, found the way they find it: by role and label. Every step works with scripts on and off;
// with scripts a form opens in the dialog, without them it is a page of its own.
import assert from 'node:assert/strict';
import { admin } from './gatehouse.mjs';

/** Signs in as the admin of UI_USERNAME and UI_PASSWORD, sent to the sign-in page by the page they wanted to see. */
export async function signIn({ page }, { name = admin.name, password = admin.password, next = '/ui/keys', button } = {}) {
  await page.goto(next);
  assert.match(page.url(), /\/login/, 'a visitor is sent to the sign-in page');
  await page.locator('input[autocomplete=username]').fill(name);
  await page.locator('input[autocomplete=current-password]').fill(password);
  await (button ? page.locator(button) : page.getByRole('button', { name: 'Sign in', exact: true })).click();
  await page.waitForURL((url) => url.pathname === next);
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

/** Chooses an item of a key's menu in the list. */
async function choose(visitor, name, role, item) {
  const row = await keyRow(visitor, name);
  await row.getByLabel(`Actions for ${name}`).filter({ visible: true }).click();
  await row.getByRole(role, { name: item, exact: true }).filter({ visible: true }).click();
}

/** Waits for the row to say what state the key is in now. */
async function state({ page }, name, word) {
  await page.getByRole('row').filter({ hasText: name }).getByText(word, { exact: true }).filter({ visible: true }).first().waitFor();
}

export async function blockKey(visitor, name, reason) {
  await choose(visitor, name, 'link', 'Block');
  const form = panel(visitor);
  await form.getByLabel(/^Reason/).fill(reason);
  await form.getByRole('button', { name: 'Block key' }).click();
  await state(visitor, name, 'Blocked');
}

/** Takes the last act back by the notice's button; the row says what state the key is in then. */
export async function undo(visitor, name, word) {
  await visitor.page.getByRole('button', { name: 'Undo' }).click();
  await state(visitor, name, word);
}

export async function unblockKey(visitor, name) {
  await choose(visitor, name, 'button', 'Unblock');
  await state(visitor, name, 'Active');
}

/** Rotates a key, the old secret working on for the grace given, and returns the new one. */
export async function rotateKey(visitor, name, grace) {
  await choose(visitor, name, 'link', 'Rotate');
  const form = panel(visitor);
  await form.getByLabel(/^Old key/).selectOption(grace);
  await form.getByRole('button', { name: 'Rotate key' }).click();
  const field = panel(visitor).locator('input[readonly]');
  await field.waitFor();
  return field.inputValue();
}

/** Deletes a key, typing its name where that is asked for. */
export async function deleteKey(visitor, name) {
  await choose(visitor, name, 'link', 'Delete');
  const form = panel(visitor);
  await form.getByRole('button', { name: 'Delete key' }).waitFor();
  const confirm = form.locator('input[name=confirm]');
  if (await confirm.count()) await confirm.fill(name);
  await form.getByRole('button', { name: 'Delete key' }).click();
  await visitor.page.getByRole('row').filter({ hasText: name }).waitFor({ state: 'detached' });
}
