// Gatehouse theme. Every colour is a CSS variable (space-separated RGB) defined in input.css,
// so light/dark is one attribute on <html> and `dark:` variants are almost never needed.
const v = (name) => `rgb(var(--${name}) / <alpha-value>)`;

/** @type {import('tailwindcss').Config} */
module.exports = {
  content: ['./views/**/*.{templ,go}', '!./views/**/*_templ.go', '!./views/**/*_test.go', './static/src/*.js'],
  darkMode: ['selector', '[data-theme="dark"]'],
  corePlugins: { container: false },
  theme: {
    screens: { sm: '640px', md: '768px', lg: '1024px', xl: '1280px' },
    colors: {
      transparent: 'transparent', current: 'currentColor',
      canvas: v('canvas'),
      surface: { DEFAULT: v('surface'), 2: v('surface-2'), 3: v('surface-3') }, raised: v('raised'),
      line: { DEFAULT: v('line'), strong: v('line-strong'), field: v('line-field') },
      fg: { DEFAULT: v('fg'), 2: v('fg-2'), 3: v('fg-3') },
      ink: { DEFAULT: v('ink'), hover: v('ink-hover'), on: v('ink-on') },
      accent: { DEFAULT: v('accent'), soft: v('accent-soft'), on: v('accent-on') },
      ok: { DEFAULT: v('ok'), soft: v('ok-soft') },
      warn: { DEFAULT: v('warn'), soft: v('warn-soft') },
      bad: { DEFAULT: v('bad'), soft: v('bad-soft'), fill: v('bad-fill'), on: v('bad-on') },
      info: { DEFAULT: v('info'), soft: v('info-soft') },
      chart: { 1: v('c1'), 2: v('c2'), 3: v('c3'), 4: v('c4'), 5: v('c5'), 6: v('c6') },
      code: { DEFAULT: v('code'), fg: v('code-fg'), dim: v('code-dim'), str: v('code-str'), kw: v('code-kw'), line: v('code-line') },
      scrim: 'rgb(var(--scrim) / 0.5)',
    },
    fontFamily: {
      sans: ['"Geist"', 'ui-sans-serif', 'system-ui', '-apple-system', '"Segoe UI"', 'Roboto', '"PingFang SC"', '"Microsoft YaHei"', '"Noto Sans CJK SC"', 'sans-serif'],
      mono: ['"Geist Mono"', 'ui-monospace', 'SFMono-Regular', 'Menlo', 'Consolas', '"Noto Sans Mono CJK SC"', 'monospace'],
    },
    fontSize: {
      '2xs': ['0.6875rem', '1rem'],                                   // 11/16 axis labels, kbd
      xs: ['0.75rem', '1rem'],                                        // 12/16 help, badges
      sm: ['0.8125rem', '1.25rem'],                                   // 13/20 tables, buttons
      base: ['0.875rem', '1.25rem'],                                  // 14/20 body, inputs
      md: ['1rem', '1.5rem'],                                         // 16/24 card titles
      lg: ['1.125rem', '1.625rem', { letterSpacing: '-0.011em' }],    // 18/26 dialog titles
      xl: ['1.375rem', '1.75rem', { letterSpacing: '-0.017em' }],     // 22/28 page titles
      '2xl': ['1.75rem', '2.125rem', { letterSpacing: '-0.021em' }],  // 28/34 stat figures
    },
    borderRadius: { none: '0', xs: '4px', sm: '6px', DEFAULT: '6px', md: '8px', lg: '12px', xl: '16px', full: '9999px' },
    boxShadow: {
      none: 'none',
      xs: '0 1px 2px rgb(var(--shadow) / 0.05)',
      pop: '0 0 0 1px rgb(var(--line) / 1), 0 4px 8px -2px rgb(var(--shadow) / 0.08), 0 12px 24px -8px rgb(var(--shadow) / 0.12)',
      dialog: '0 0 0 1px rgb(var(--line) / 1), 0 8px 16px -4px rgb(var(--shadow) / 0.12), 0 32px 64px -16px rgb(var(--shadow) / 0.28)',
    },
    extend: {
      spacing: { 4.5: '1.125rem', 13: '3.25rem', 15: '3.75rem', 18: '4.5rem', sidebar: '14.75rem' },
      maxWidth: { page: '82rem', dialog: '33rem', 'dialog-lg': '44rem' },
      transitionDuration: { DEFAULT: '120ms' },
    },
  },
  plugins: [], // no @tailwindcss/forms: its select/checkbox icons are data: URIs, which our CSP blocks
};
