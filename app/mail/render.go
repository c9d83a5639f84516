package mail

import (
	_ "embed"
	"html"
	"html/template"
	"regexp"
	"strings"

	"gatehouse/app/config"
)

// content is what a mail says, before it has a form.
type content struct {
	Lang    string
	Subject string
	Title   string
	Lines   []string    // paragraphs over the button
	Facts   [][2]string // name and value
	Button  string      // label of the link
	Link    string
	After   []string // small print under the button
	Support string   // the line in front of EMAIL_SUPPORT_CONTACT
}

//go:embed mail.html
var page string

// layout is parsed at each use: mails are few, and a package has no state.
func layout() *template.Template { return template.Must(template.New("mail").Parse(page)) }

// asHTML is the mail for programs that show HTML. Whatever comes from people is escaped; the signature is the
// operator's own markup.
func asHTML(c content, b config.Mail) string {
	var out strings.Builder
	err := layout().Execute(&out, map[string]any{
		"C": c, "Logo": b.LogoURL, "Contact": b.SupportContact, "Signature": template.HTML(b.Signature), //nolint:gosec // EMAIL_SIGNATURE may hold HTML; it is the operator's
	})
	if err != nil { // the template and its values are our own; the text form still says everything
		return "<p>" + html.EscapeString(c.Title) + "</p>"
	}
	return out.String()
}

// asText is the same for programs that show text.
func asText(c content, b config.Mail) string {
	var out strings.Builder
	para := func(s string) {
		if s != "" {
			out.WriteString(s + "\n\n")
		}
	}
	para(c.Title)
	for _, l := range c.Lines {
		para(l)
	}
	for _, f := range c.Facts {
		out.WriteString(f[0] + ": " + f[1] + "\n")
	}
	if len(c.Facts) > 0 {
		out.WriteString("\n")
	}
	if c.Link != "" {
		para(c.Button + ":\n" + c.Link)
	}
	for _, l := range c.After {
		para(l)
	}
	if b.SupportContact != "" {
		para(c.Support + " " + b.SupportContact)
	}
	para(plain(b.Signature))
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// plain is markup without its tags.
func plain(markup string) string {
	text := regexp.MustCompile(`(?i)<br\s*/?>|</p>|</div>`).ReplaceAllString(markup, "\n")
	text = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, "")
	return strings.TrimSpace(html.UnescapeString(text))
}
