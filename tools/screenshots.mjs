// Takes the pictures of docs/portal.md: the real binary on a scratch database with a history of sample calls, in a real
// browser. `make screenshots` renews docs/images; `node tools/screenshots.mjs --all FOLDER` takes every page in light, dark,
// mobile and Chinese for people to look at. `--serve` keeps the gateway running instead.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Visitor, launch } from '../e2e/lib/browser.mjs';
import { Gatehouse, admin, masterKey } from '../e2e/lib/gatehouse.mjs';
import { root } from '../e2e/lib/process.mjs';

const price = (i, o) => `input_cost_per_token: ${i}, output_cost_per_token: ${o}`;
const models = (url) => `
model_list:
  - {model_name: gpt-5-mini, litellm_params: {model: openai/gpt-5-mini, api_base: "${url}/v1", api_key: sk-upstream, ${price(2.5e-7, 2e-6)}}}
  - {model_name: claude-sonnet-4-5, litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: "${url}", api_key: sk-ant-upstream, ${price(3e-6, 15e-6)}}}
  - {model_name: text-embedding-3-small, litellm_params: {model: openai/text-embedding-3-small, api_base: "${url}/v1", api_key: sk-upstream, ${price(2e-8, 0)}}, model_info: {mode: embedding}}
  - {model_name: gemini-2.5-flash, litellm_params: {model: openai/gemini-2.5-flash, api_base: "${url}/v1", api_key: sk-upstream, ${price(3e-7, 2.5e-6)}}}
litellm_settings: {num_retries: 0}
gatehouse: {login_rate: 100000/min, drain_delay: 10ms, drain_timeout: 2s}
`;

const cleanups = [];
const scope = { after: (f) => cleanups.unshift(f) };

async function prepare() {
  const gate = await Gatehouse.start(scope, { models, env: { STORE_MODEL_IN_DB: 'True' } });
  execFileSync(process.execPath, ['tools/seed.mjs'], { cwd: root, env: { ...process.env, GATEHOUSE_URL: gate.url, LITELLM_MASTER_KEY: masterKey }, stdio: 'ignore' });
  await gate.admin('/key/generate', { key_alias: 'old-laptop', user_id: 'jonas', blocked: true });
  await gate.admin('/budget/new', { budget_id: 'small', max_budget: 5, budget_duration: '30d' });
  await gate.admin('/model/new', { model_name: 'stored-model', litellm_params: { model: 'openai/gpt-5', api_base: `${gate.provider}/v1`, api_key: 'sk-upstream' } });
  gate.link = (await gate.admin('/invitation/new', { user_id: 'li' })).id;
  await gate.server.stop('SIGTERM');
  execFileSync('go', ['run', './tools/demo', `sqlite:${join(gate.data, 'data', 'gatehouse.db')}`], { cwd: root, stdio: 'inherit' });
  await gate.run();
  return gate;
}

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

/** The few pictures of the documentation. */
async function forDocs(browser, gate) {
  const folder = join(root, 'docs', 'images');
  mkdirSync(folder, { recursive: true });
  const shoot = (page, name) => page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
  const light = await open(browser, gate, { width: 1280, height: 800 });
  await light.page.goto('/ui/keys');
  await shoot(light.page, 'keys');
  await light.page.getByRole('main').getByRole('link', { name: 'Create key' }).first().click();
  await light.page.locator('dialog[open] input[name=key_alias]').waitFor();
  await shoot(light.page, 'create-key');
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
  const gate = await prepare();
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
