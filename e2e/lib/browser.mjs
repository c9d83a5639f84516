// Headless Chromium, and a page that fails its test over anything a visitor should never meet.
import assert from 'node:assert/strict';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import { root } from './process.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = join(root, 'e2e', 'shots');

/** The first Chromium on PATH; CHROMIUM names another. */
export function executable() {
  const names = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].filter(Boolean);
  for (const name of names) {
    for (const folder of ['', ...process.env.PATH.split(delimiter)]) {
      const path = folder ? join(folder, name) : name;
      if (!path.includes('/')) continue;
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch { /* the next one */ }
    }
  }
  throw new Error(`no Chromium found (looked for ${names.join(', ')}): apt-get install chromium`);
}

/** Launches the browser; test.after closes it. */
export async function launch(test) {
  const browser = await chromium.launch({ executablePath: executable(), args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  test.after(() => browser.close());
  return browser;
}

/**
 * A page in a context of its own, watched from its first request on. `complaints` collects console errors, exceptions,
 * CSP reports and requests to another origin; `close` asserts that there are none.
 */
export class Visitor {
  static async open(browser, url, { scripts = true, dark = false, width = 1440, height = 900, locale = 'en-GB' } = {}) {
    const context = await browser.newContext({
      baseURL: url, javaScriptEnabled: scripts, colorScheme: dark ? 'dark' : 'light', viewport: { width, height }, locale,
      permissions: ['clipboard-read', 'clipboard-write'], reducedMotion: 'reduce',
    });
    const self = new Visitor();
    self.context = context;
    self.scripts = scripts;
    self.complaints = [];
    self.expected = [];
    self.page = await context.newPage();
    self.page.setDefaultTimeout(20_000);
    self.#watch(new URL(url).origin);
    return self;
  }

  #watch(origin) {
    const { page, complaints } = this;
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => complaints.push(`exception: ${error}`));
    page.on('request', (request) => {
      const at = new URL(request.url());
      if (at.origin !== origin && at.protocol !== 'data:' && at.protocol !== 'blob:') complaints.push(`request to ${request.url()}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 500) complaints.push(`${response.status()} from ${response.url()}`);
    });
  }

  /** Names a complaint that the test provokes on purpose, such as the console's note about a 422. */
  expect(pattern) {
    this.expected.push(pattern);
  }

  /** Runs axe (all of it, or the rules named) on the page as it stands and asserts that it finds nothing. Axe is injected past the CSP, by the debugger. */
  async axe(what, rules) {
    if (!this.scripts) return;
    if (!await this.page.evaluate(() => 'axe' in globalThis)) await this.page.evaluate(axeSource);
    const { violations } = await this.page.evaluate((only) => globalThis.axe.run(document, {
      runOnly: only ? { type: 'rule', values: only } : ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }), rules);
    const found = violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `    ${n.html}\n    ${n.failureSummary}`).join('\n')}`);
    assert.deepEqual(found, [], `axe on ${what}`);
  }

  /** Keeps a picture for people to look at. */
  async shot(name) {
    mkdirSync(shots, { recursive: true });
    await this.page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
  }

  async close() {
    await this.context.close();
    const left = this.complaints.filter((c) => !this.expected.some((pattern) => pattern.test(c)));
    assert.deepEqual(left, [], 'complaints of the browser');
  }
}
