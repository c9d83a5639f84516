// Takes the pictures of docs/portal.md: the real binary on a scratch database with a history of sample calls, in a real
// browser. `make screenshots` renews docs/images; `node tools/screenshots.mjs --all FOLDER` takes every page in light, dark,
// mobile and Chinese for people to look at. `--serve` keeps the gateway running instead.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Visitor, launch } from '../e2e/lib/browser.mjs';
import { admin } from '../e2e/lib/gatehouse.mjs';
import { root } from '../e2e/lib/process.mjs';
import { sampleGateway } from './sample.mjs';

const cleanups = [];
const scope = { after: (f) => cleanups.unshift(f) };

async function open(browser, gate, options) {
  const visitor = await Visitor.open(browser, gate.url, options);
  const { page } = visitor;
  await page.goto('/login');
  await page.locator('input[autocomplete=username]').fill(admin.name);
  await page.locator('input[autocomplete=current-password]').fill(admin.password);
  await page.locator('form[action$="/login"] button[type=submit]').click();
  await page.waitForURL(/\/ui\//);
  return visitor;
}

/** Writes a picture of the page as WebP: the browser itself is the encoder. */
async function shoot(page, name) {
  const png = await page.screenshot({ animations: 'disabled' });
  const tab = await page.context().newPage(); // about:blank has no policy that would refuse a data: address
  const webp = await tab.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', 0.8).split(',')[1];
  }, png.toString('base64'));
  await tab.close();
  writeFileSync(join(root, 'docs', 'images', `${name}.webp`), Buffer.from(webp, 'base64'));
}

/** The pictures of the documentation. */
async function forDocs(browser, gate) {
  mkdirSync(join(root, 'docs', 'images'), { recursive: true });
  const visitor = await Visitor.open(browser, gate.url, { width: 1280, height: 800 });
  await visitor.page.goto('/login');
  await shoot(visitor.page, 'sign-in');
  await visitor.context.close();
  const light = await open(browser, gate, { width: 1280, height: 800 });
  const { page } = light;
  await page.goto('/ui/keys');
  await shoot(page, 'keys');
  const key = await page.locator('tr[id^=key-]', { hasText: 'checkout-assistant' }).getAttribute('id');
  await page.getByRole('main').getByRole('link', { name: 'Create key' }).first().click();
  await page.locator('dialog[open] input[name=key_alias]').waitFor();
  await shoot(page, 'create-key');
  for (const [path, name] of [[`/ui/keys/${key.slice(4)}`, 'key'], ['/ui/playground', 'playground'], ['/ui/teams/checkout', 'team']]) {
    await page.goto(path);
    await shoot(page, name);
  }
  await page.goto('/ui/logs');
  await page.locator('#list a[href*="log="]').filter({ visible: true }).first().click();
  await page.locator('dialog#drawer[open]').waitFor();
  await page.locator('#log-body').waitFor();
  await shoot(page, 'logs');
  await light.context.close();
  const dark = await open(browser, gate, { width: 1280, height: 800, dark: true });
  await dark.page.goto('/ui/usage');
  await shoot(dark.page, 'usage-dark');
  await dark.context.close();
  const phone = await open(browser, gate, { width: 390, height: 800, locale: 'zh-CN' });
  await phone.page.goto('/ui/');
  await shoot(phone.page, 'overview-phone-zh');
  await phone.context.close();
}

/** Every page, four ways. */
async function everything(browser, gate, folder) {
  mkdirSync(folder, { recursive: true });
  const views = [{ name: 'light' }, { name: 'dark', dark: true }, { name: 'phone', width: 390 }, { name: 'zh', locale: 'zh-CN' }];
  for (const view of views) {
    const visitor = await Visitor.open(browser, gate.url, { width: 1440, ...view });
    for (const path of ['/login', `/ui/onboarding?id=${gate.link}`, '/ui/onboarding?id=nothing']) {
      await visitor.page.goto(path);
      await visitor.page.screenshot({ path: join(folder, `${path.replace(gate.link, 'link').replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '')}-${view.name}.png`), fullPage: true });
    }
    await visitor.context.close();
    const { page, context } = await open(browser, gate, { width: 1440, ...view });
    await page.goto('/ui/keys');
    const key = (await page.locator('tr[id^=key-]').first().getAttribute('id')).slice(4);
    const paths = [
      '/ui/', '/ui/keys', '/ui/keys/new', `/ui/keys/${key}`, `/ui/keys/${key}?tab=usage`, `/ui/keys/${key}?tab=settings`, `/ui/keys/${key}?tab=activity`, `/ui/keys/${key}/check`,
      `/ui/keys/${key}/rotate`, `/ui/keys/${key}/delete`,
      '/ui/usage', '/ui/usage?tab=models', '/ui/usage?tab=caching', '/ui/usage?tab=teams', '/ui/logs', '/ui/playground', '/ui/models', '/ui/models/gpt-5-mini', '/ui/deployments/new', '/ui/api',
      '/ui/teams', '/ui/teams/checkout', '/ui/teams/checkout?tab=keys', '/ui/teams/checkout?tab=settings', '/ui/teams/new', '/ui/users', '/ui/users/maya', '/ui/users/invite', '/ui/users/import',
      '/ui/budgets', '/ui/budgets/new', '/ui/audit', '/ui/settings/general', '/ui/settings/sign-in', '/ui/account', '/ui/nothing-here',
    ];
    for (const path of paths) {
      await page.goto(path);
      await page.screenshot({ path: join(folder, `${path.replace(key, 'key').replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '')}-${view.name}.png`), fullPage: true });
    }
    await page.goto('/ui/keys');
    await page.keyboard.press('?');
    await page.screenshot({ path: join(folder, `help-${view.name}.png`) });
    await page.goto('/ui/logs');
    const row = page.locator('#list a[href*="log="]').filter({ visible: true }).first();
    if (await row.count()) {
      await row.click();
      await page.locator('dialog[open]').waitFor();
      await page.screenshot({ path: join(folder, `drawer-${view.name}.png`) });
    }
    await context.close();
  }
}

const [mode, folder] = process.argv.slice(2);
try {
  const gate = await sampleGateway(scope);
  if (mode === '--serve') {
    console.log(gate.url);
    await new Promise((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));
  } else {
    const browser = await launch(scope);
    await (mode === '--all' ? everything(browser, gate, folder) : forDocs(browser, gate));
  }
} finally {
  for (const clean of cleanups) await clean();
}
