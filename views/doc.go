// Package views is the root of the portal's pages: layout holds the frames, ui the components, icon the signs, i18n every word, and
// one folder a page family the pages with their view models. Nothing below imports a project package outside views. The tests here
// render every page in both languages; with GATEHOUSE_PREVIEW set to a folder they also write them there, for `npm run preview`.
package views
