package config

// userHeaders reads user_header_mappings: the headers that name the customer. A header cannot name the internal user here,
// as LiteLLM lets it: whoever holds a key could then spend as anybody.
func (l *loader) userHeaders(r ref) []string {
	if r.isNull() {
		return nil
	}
	list := []*value{r.value}
	if r.kind == kindList {
		list = r.list
	}
	var out []string
	for i, v := range list {
		s := l.section(ref{v, indexed(r.path, i)}, may)
		if s.v == nil {
			continue
		}
		name, role := l.headerName(s.ref("header_name")), l.text(s.ref("litellm_user_role"), may)
		s.done()
		switch {
		case name == "":
			l.warn(v, s.path, "names no header, ignored")
		case role != "customer" && role != "end_user":
			l.warn(v, s.path, "only the role customer can come from a header: a key's user is whom the key belongs to; ignored")
		default:
			out = append(out, name)
		}
	}
	return out
}

// forwardGroups reads model_group_settings.
func (l *loader) forwardGroups(r ref) []string {
	s := l.section(r, may)
	out := l.texts(s.ref("forward_client_headers_to_llm_api"), may)
	s.done()
	return out
}
