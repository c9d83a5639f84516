package mail

import (
	"fmt"
	"strings"
	"time"

	"gatehouse/app/control"
	"gatehouse/models"
)

const (
	en = "en"
	zh = "zh-CN"
)

// langOf is the language that is written for a wish.
func langOf(wish string) string {
	if strings.HasPrefix(strings.ToLower(wish), "zh") {
		return zh
	}
	return en
}

// words are one language's.
type words string

func (l words) pick(english, chinese string) string {
	if l == zh {
		return chinese
	}
	return english
}

func (l words) fill(english, chinese string, args ...any) string {
	return fmt.Sprintf(l.pick(english, chinese), args...)
}

func (l words) at(t time.Time, zone *time.Location) string {
	return t.In(zone).Format(l.pick("2 January 2006, 15:04 MST", "2006年1月2日 15:04 MST"))
}

func (l words) content(subject, fallback string) content {
	if subject == "" {
		subject = fallback
	}
	return content{Lang: string(l), Subject: subject, Title: fallback, Support: l.pick("Questions? Ask", "如有疑问，请联系")}
}

func (m *Mailer) invitation(lang string, in control.InvitationMail) content {
	l := words(lang)
	c := l.content(m.opt.Config().SubjectInvitation, l.pick("You are invited to Gatehouse", "邀请您使用 Gatehouse"))
	c.Lines = []string{l.pick("You have an account for creating keys and seeing what models cost. Set a password to start.", "您已拥有一个账户，可用于创建密钥、查看模型费用。请设置密码后开始使用。")}
	if in.InviterEmail != "" {
		c.Lines = append([]string{l.fill("%s invites you.", "%s 邀请您加入。", in.InviterEmail)}, c.Lines...)
	}
	c.Button, c.Link = l.pick("Set your password", "设置密码"), m.absolute(in.Link)
	c.After = []string{
		l.fill("The link works once, until %s.", "链接只能使用一次，有效期至 %s。", l.at(in.Expires, m.opt.Zone())),
		l.pick("If you did not expect this mail, ignore it.", "如果您没有预期收到此邮件，请忽略。"),
	}
	return c
}

func (m *Mailer) key(lang string, in control.KeyMail) content {
	l, b := words(lang), m.opt.Config()
	c := l.content(b.SubjectKeyCreated, l.pick("A key was created for you", "已为您创建密钥"))
	c.Lines = []string{l.pick("You can call models with it.", "您可以用它调用模型。")}
	if in.Rotated {
		c = l.content(b.SubjectKeyRotated, l.pick("One of your keys has a new secret", "您的一个密钥已更换"))
		c.Lines = []string{l.pick("Put the new key where the old one is used: the old one stops working.", "请在使用旧密钥的地方换上新密钥，旧密钥将失效。")}
	}
	c.Facts = m.keyFacts(l, in.Alias, in.Name)
	if b.IncludeKey && in.Secret.IsSet() {
		c.Facts = append(c.Facts, [2]string{l.pick("Key", "密钥"), in.Secret.Reveal()})
	} else {
		c.After = []string{l.pick("The key itself is never in a mail. Whoever created it has it.", "邮件中不包含密钥本身，请向创建者索取。")}
	}
	m.portalButton(&c, "/ui/keys", l.pick("See your keys", "查看密钥"))
	return c
}

func (m *Mailer) keyFacts(l words, alias, name string) [][2]string {
	var out [][2]string
	if alias != "" {
		out = append(out, [2]string{l.pick("Name", "名称"), alias})
	}
	if name != "" {
		out = append(out, [2]string{l.pick("Ends in", "尾号"), name})
	}
	return out
}

func (m *Mailer) portalButton(c *content, path, label string) {
	origin, root := m.opt.Site()
	c.Button, c.Link = label, origin+root+path
}

func (m *Mailer) expiring(lang string, in control.ExpiryMail) content {
	l := words(lang)
	c := l.content("", l.pick("One of your keys expires soon", "您的一个密钥即将到期"))
	c.Lines = []string{l.fill("From %s on, calls with it are refused.", "自 %s 起，使用它的调用将被拒绝。", l.at(in.Expires, m.opt.Zone()))}
	c.Facts = m.keyFacts(l, in.Alias, in.Name)
	m.portalButton(&c, "/ui/keys", l.pick("See your keys", "查看密钥"))
	return c
}

func (m *Mailer) budget(lang string, in control.BudgetMail) content {
	l := words(lang)
	title := l.fill("A budget is %d%% used", "预算已使用 %d%%", in.Percent)
	line := l.pick("Calls go on until it is used up.", "用完之前调用不受影响。")
	switch in.Kind {
	case control.BudgetFull:
		title = l.pick("A budget is used up", "预算已用完")
		line = l.pick("Calls are refused until it starts again or is raised.", "在预算重置或提高之前，调用将被拒绝。")
	case control.BudgetSoft:
		title = l.pick("A soft budget is reached", "已达到软预算")
		line = l.pick("Calls go on.", "调用不受影响。")
	}
	c := l.content("", title)
	c.Lines = []string{line}
	c.Facts = [][2]string{
		{l.pick("Budget of", "预算对象"), l.scope(in)}, {l.pick("Spent", "已用"), dollars(in.Spent)}, {l.pick("Budget", "预算"), dollars(in.Limit)},
	}
	m.portalButton(&c, "/ui/usage", l.pick("See usage", "查看用量"))
	return c
}

// dollars is an amount with two decimals, or with more where two would say nothing.
func dollars(n models.Nano) string {
	text := n.String()
	whole, cents, _ := strings.Cut(text, ".")
	if len(cents) <= 2 || whole == "0" && strings.HasPrefix(cents, "00") {
		return "$" + whole + "." + (cents + "00")[:max(2, len(cents))]
	}
	return "$" + whole + "." + cents[:2]
}

func (l words) scope(in control.BudgetMail) string {
	names := map[string][2]string{
		"key": {"key", "密钥"}, "user": {"user", "用户"}, "team": {"team", "团队"}, "member": {"member", "成员"},
		"org": {"organization", "组织"}, "customer": {"customer", "客户"}, "keymodel": {"key and model", "密钥与模型"}, "proxy": {"everything", "全部"},
	}
	kind := in.Scope
	if n, ok := names[in.Scope]; ok {
		kind = l.pick(n[0], n[1])
	}
	return strings.TrimSpace(kind + " " + in.Name)
}

func (m *Mailer) reset(lang string, in control.ResetLink) content {
	l := words(lang)
	c := l.content("", l.pick("Set a new password", "设置新密码"))
	c.Lines = []string{l.pick("Somebody asked for a new password for your account.", "有人为您的账户申请了新密码。")}
	c.Button, c.Link = l.pick("Set a new password", "设置新密码"), m.absolute(in.Link)
	c.After = []string{
		l.fill("The link works once, until %s.", "链接只能使用一次，有效期至 %s。", l.at(in.Expires, m.opt.Zone())),
		l.pick("If it was not you, ignore this mail: your password stays as it is.", "如果不是您本人，请忽略此邮件，您的密码不会改变。"),
	}
	return c
}

func (m *Mailer) test(lang string) content {
	l := words(lang)
	c := l.content("", l.pick("Mail from Gatehouse works", "Gatehouse 邮件可用"))
	c.Lines = []string{l.pick("This is the test mail that an admin asked for.", "这是管理员请求的测试邮件。")}
	return c
}
