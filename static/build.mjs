// Builds everything under static/dist from static/src and the pinned packages. The result is committed; the same input gives the
// same bytes, so CI compares. Run by `npm run build`.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url).pathname;
const at = (...p) => join(root, ...p);
const dist = at('static/dist');

rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, 'fonts'), { recursive: true });

// Fonts: the Latin subset of the variable files.
const fonts = { 'geist.woff2': 'geist/files/geist-latin-wght-normal.woff2', 'geist-mono.woff2': 'geist-mono/files/geist-mono-latin-wght-normal.woff2' };
for (const [name, file] of Object.entries(fonts)) copyFileSync(at('node_modules/@fontsource-variable', file), join(dist, 'fonts', name));

// Scripts of others, as published. Their map comments are dropped: the maps are not shipped.
for (const [name, file] of Object.entries({ 'htmx.js': 'htmx.org/dist/htmx.min.js' })) {
  writeFileSync(join(dist, name), readFileSync(at('node_modules', file), 'utf8').replace(/\n?\/\/# sourceMappingURL=.*\n?$/, '') + '\n');
}
copyFileSync(at('static/src/favicon.svg'), join(dist, 'favicon.svg'));

// Own scripts.
const own = ['app.js', 'live.js', 'playground.js'].filter((f) => existsSync(at('static/src', f)));
await build({ entryPoints: own.map((f) => at('static/src', f)), outdir: dist, bundle: true, minify: true, format: 'iife', target: ['es2021'], legalComments: 'none', charset: 'utf8', logLevel: 'warning' });

// Styles. Font addresses get the same hash that static.go computes, so they too may be cached for ever.
execFileSync(process.execPath, [at('node_modules/tailwindcss/lib/cli.js'), '-c', at('tailwind.config.js'), '-i', at('static/src/input.css'), '-o', join(dist, 'app.css'), '--minify'], { cwd: root, env: { ...process.env, BROWSERSLIST_IGNORE_OLD_DATA: '1' }, stdio: ['ignore', 'ignore', 'inherit'] });
let css = readFileSync(join(dist, 'app.css'), 'utf8');
for (const name of Object.keys(fonts)) {
  const hash = createHash('sha256').update(readFileSync(join(dist, 'fonts', name))).digest('hex').slice(0, 12);
  css = css.replaceAll(`fonts/${name}`, `fonts/${name.replace(/\.woff2$/, `.${hash}.woff2`)}`);
}
writeFileSync(join(dist, 'app.css'), css);

// Licences of what is shipped.
const licences = ['htmx.org', 'lucide-static', '@fontsource-variable/geist', '@fontsource-variable/geist-mono', 'tailwindcss'];
writeFileSync(join(dist, 'LICENSES.txt'), licences.map((p) => `== ${p} ${JSON.parse(readFileSync(at('node_modules', p, 'package.json'))).version}\n\n${readFileSync(at('node_modules', p, 'LICENSE'), 'utf8').trim()}\n`).join('\n'));

for (const f of readdirSync(dist).filter((f) => /\.(js|css)$/.test(f)).sort()) {
  console.log(`${f}: ${(gzipSync(readFileSync(join(dist, f)), { level: 9 }).length / 1024).toFixed(1)} KB gz`);
}
