// Measures sign-in, keys and usage with Lighthouse as a phone sees them, on the real binary with a history of sample calls, and
// fails under the targets: accessibility 100, best practices 100, performance 95. Lighthouse is big, so it is no dependency:
//
//   npm install --no-save lighthouse@12.8.2 && make lighthouse        (LIGHTHOUSE names another folder that holds it)
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { executable } from '../e2e/lib/browser.mjs';
import { admin } from '../e2e/lib/gatehouse.mjs';
import { freePort, root } from '../e2e/lib/process.mjs';
import { sampleGateway } from './sample.mjs';

const targets = { accessibility: 100, 'best-practices': 100, performance: 95 };
const from = createRequire(join(process.env.LIGHTHOUSE ?? root, 'package.json'));
const { default: lighthouse } = await import(pathToFileURL(from.resolve('lighthouse')));

const cleanups = [];
const scope = { after: (f) => cleanups.unshift(f) };
let missed = 0;
try {
  const gate = await sampleGateway(scope);
  const port = await freePort();
  const browser = await chromium.launch({ executablePath: executable(), args: ['--no-sandbox', '--disable-dev-shm-usage', `--remote-debugging-port=${port}`] });
  scope.after(() => browser.close());
  const answer = await fetch(`${gate.url}/login`, {
    method: 'POST', redirect: 'manual', headers: { origin: gate.url }, body: new URLSearchParams({ username: admin.name, password: admin.password }),
  });
  const session = answer.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ');
  for (const [path, cookie] of [['/login', ''], ['/ui/keys', session], ['/ui/usage', session]]) {
    const { lhr } = await lighthouse(gate.url + path, {
      port, logLevel: 'error', onlyCategories: Object.keys(targets), ...(cookie && { extraHeaders: { Cookie: cookie } }),
    });
    const scores = Object.fromEntries(Object.entries(lhr.categories).map(([name, c]) => [name, Math.round(c.score * 100)]));
    const under = Object.keys(targets).filter((name) => scores[name] < targets[name]);
    missed += under.length;
    console.log(path, scores, `LCP ${Math.round(lhr.audits['largest-contentful-paint'].numericValue)} ms, CLS ${(lhr.audits['cumulative-layout-shift'].numericValue ?? 0).toFixed(3)}`);
    for (const name of under) {
      for (const { id } of lhr.categories[name].auditRefs) {
        const audit = lhr.audits[id];
        if (audit.score !== null && audit.score < 0.9) console.log(`  ${name}: ${audit.title} ${audit.displayValue ?? ''}`);
      }
    }
  }
} finally {
  for (const clean of cleanups) await clean();
}
process.exitCode = missed ? 1 : 0;
