package portal

import "gatehouse/app/access"

// Actions lists every page as "METHOD path" with the action that a visitor's role must grant; "" where the page is public.
// The test that walks all routes of the program compares it with the router.
func (h *Handlers) Actions() map[string]access.Action {
	all := map[string]access.Action{}
	for _, p := range h.pages() {
		all[p.method+" "+p.path] = p.action
	}
	return all
}
