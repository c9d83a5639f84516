// Looks at the sample pages in a real browser: `npm run preview -- <folder> [name…]`. Renders the samples, serves them under the
// portal's Content-Security-Policy, runs axe on each at three widths in both themes, and keeps a picture of each. Fails when axe
// or the browser's console has something to say, or when a page scrolls sideways.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const root = new URL('..', import.meta.url).pathname;
const [out = join(tmpdir(), 'gatehouse-preview'), ...wanted] = process.argv.slice(2);
const pages = join(out, 'html');
mkdirSync(pages, { recursive: true });
if (!process.env.PREVIEW_KEEP) execFileSync('go', ['test', '-count=1', '-run', 'TestPreview$', './views/'], { cwd: root, env: { ...process.env, GATEHOUSE_PREVIEW: pages }, stdio: 'inherit' });

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'";
const font = readFileSync(join(root, 'static/dist/app.css'), 'utf8').match(/fonts\/geist\.[0-9a-f]+\.woff2/)[0]; // hashed, as the server would
const types = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml', woff2: 'font/woff2' };
const server = createServer((req, res) => {
  const path = decodeURIComponent(new URL(req.url, 'http://x').pathname);
  const asset = path.match(/^\/ui\/static\/(.+)$/);
  const file = asset ? [join(root, 'static/dist', asset[1]), join(root, 'static/dist', asset[1].replace(/\.[0-9a-f]{12}\./, '.'))].find(existsSync) : join(pages, path.slice(1) + '.html');
  if (!file || !existsSync(file)) { res.writeHead(404, { 'Content-Type': 'text/html' }).end(''); return; }
  res.writeHead(200, { 'Content-Type': asset ? types[file.split('.').pop()] : 'text/html; charset=utf-8', 'Content-Security-Policy': csp, 'X-Content-Type-Options': 'nosniff' }).end(asset ? readFileSync(file) : readFileSync(file, 'utf8').replaceAll('fonts/geist.woff2', font));
}).listen(0, '127.0.0.1');
await new Promise((r) => server.once('listening', r));
const base = `http://127.0.0.1:${server.address().port}`;

const profile = mkdtempSync(join(tmpdir(), 'gatehouse-browser-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium', headless: true, viewport: null,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const axe = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');
const names = [...new Set(readdirSync(pages).filter((f) => f.endsWith('.html')).map((f) => f.replace(/\.(en|zh-CN)\.html$/, '')))].filter((n) => !wanted.length || wanted.includes(n)).sort();
const sizes = [{ name: 'wide', width: 1440, height: 900 }, { name: 'mobile', width: 390, height: 844 }, { name: 'small', width: 320, height: 640 }];
const quick = !!process.env.PREVIEW_QUICK;
let problems = 0;
const say = (where, what) => { problems++; console.log(`${where}: ${what}`); };

const page = await browser.newPage();
for (const name of names) {
  for (const lang of ['en', 'zh-CN']) {
    for (const theme of ['light', 'dark']) {
      for (const size of sizes) {
        if (quick && (lang !== 'en' || size.name === 'small')) { if (!(lang === 'zh-CN' && size.name === 'wide' && theme === 'light')) continue; }
        if (lang === 'zh-CN' && (theme === 'dark' || size.name === 'small')) continue;
        const where = `${name}.${lang}.${theme}.${size.name}`;
        const heard = (m) => { if (['error', 'warning'].includes(m.type()) && !/404/.test(m.text())) say(where, `console: ${m.text()}`); };
        const thrown = (e) => say(where, `error: ${e.message}`);
        page.on('console', heard);
        page.on('pageerror', thrown);
        await page.setViewportSize(size);
        await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
        await page.goto(`${base}/${name}.${lang}`, { waitUntil: 'load' });
        await page.evaluate(() => {
          const box = document.querySelector('#dialog');
          if (box?.querySelector('[data-panel]')) { box.showModal(); (box.querySelector('[aria-invalid=true],[autofocus],input:not([type=hidden])') || box.querySelector('h2'))?.focus(); }
        });
        await page.evaluate(() => document.fonts.ready);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (wide > 0) say(where, `scrolls sideways by ${wide} px`);
        // The page's own policy forbids foreign scripts; the debugger's evaluate is not bound by it.
        await page.evaluate(axe);
        const result = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        for (const v of result.violations) say(where, `axe ${v.id}: ${v.help}\n    ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' | ' + (n.any[0]?.message || n.all[0]?.message || n.none[0]?.message || '')).join('\n    ')}`);
        if (size.name !== 'small') await page.screenshot({ path: join(out, `${where}.png`), fullPage: size.name === 'wide' && !(await page.$('dialog[open]')) });
        page.off('console', heard);
        page.off('pageerror', thrown);
        await page.evaluate(() => document.querySelector('[data-guard]')?.setAttribute('data-safe', ''));
      }
    }
  }
}
await browser.close();
server.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${names.length} samples, ${problems} problems; pictures in ${out}`);
process.exit(problems ? 1 : 0);
