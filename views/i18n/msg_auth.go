package i18n

// Words of sign-in, invitations and errors.

func (l Lang) SignIn() string { return l.pick("Sign in", "登录") }

func (l Lang) SignInTo(org string) string {
	return l.fill("Sign in to %s", "登录 %s", org)
}

func (l Lang) SignInLead() string {
	return l.pick("Create keys, set limits and see what your models cost.", "创建密钥、设置限额、查看模型费用。")
}
func (l Lang) SigningIn() string { return l.pick("Signing in…", "正在登录…") }
func (l Lang) ContinueWith(provider string) string {
	return l.fill("Continue with %s", "使用 %s 继续", provider)
}
func (l Lang) OrPassword() string     { return l.pick("or use your password", "或使用密码") }
func (l Lang) Email() string          { return l.pick("Email", "邮箱") }
func (l Lang) EmailOrName() string    { return l.pick("Email or user name", "邮箱或用户名") }
func (l Lang) Password() string       { return l.pick("Password", "密码") }
func (l Lang) ForgotPassword() string { return l.pick("Forgot password?", "忘记密码？") }
func (l Lang) NoAccount(days int64) string {
	return l.fill("No account? Ask an admin for an invitation link. It works once and expires after %s.", "没有账户？请向管理员索取邀请链接。链接只能使用一次，%s后到期。", l.Days(days))
}
func (l Lang) AboutGateway() string    { return l.pick("About this gateway", "关于此网关") }
func (l Lang) GatewayHealthy() string  { return l.pick("Gateway is healthy", "网关运行正常") }
func (l Lang) GatewayDegraded() string { return l.pick("Gateway has problems", "网关出现问题") }
func (l Lang) WorksWith() string       { return l.pick("Works with", "可用于") }
func (l Lang) GatewayLine(models int64, uptime string) string {
	return l.fill("%s · %s over 30 days", "%s · 30 天可用率 %s", l.ModelCount(models), uptime)
}

func (l Lang) ErrSignIn() string {
	return l.pick("Email or password is wrong.", "邮箱或密码错误。")
}

func (l Lang) ErrAccountBlocked(contact string) string {
	return l.fill("Your account is blocked. Ask %s.", "您的账户已停用，请联系 %s。", contact)
}

func (l Lang) ErrSSO(provider, reason string) string {
	return l.fill("Sign-in with %s failed: %s.", "使用 %s 登录失败：%s。", provider, reason)
}
func (l Lang) YourAdmin() string    { return l.pick("your admin", "管理员") }
func (l Lang) AnAdmin() string      { return l.pick("an admin", "管理员") }
func (l Lang) SecondFactor() string { return l.pick("Enter your code", "输入验证码") }
func (l Lang) SecondFactorLead() string {
	return l.pick("Open your authenticator app and enter its 6 digits.", "打开身份验证器应用，输入其中的 6 位数字。")
}
func (l Lang) CodeLabel() string { return l.pick("Code", "验证码") }
func (l Lang) ErrCode() string {
	return l.pick("This code is wrong or has run out. Enter the next one.", "验证码错误或已过期，请输入下一个。")
}

func (l Lang) ResetPassword() string { return l.pick("Set a new password", "设置新密码") }
func (l Lang) ResetLead() string {
	return l.pick("We send a link to your address. It works once, for 30 minutes.", "我们会向您的邮箱发送链接，30 分钟内可用一次。")
}

func (l Lang) ResetSent() string {
	return l.pick("If this address has an account, a link is on its way. It works once, for 30 minutes.", "如果该邮箱有账户，链接已在发送途中，30 分钟内可用一次。")
}
func (l Lang) SendLink() string     { return l.pick("Send link", "发送链接") }
func (l Lang) Sending() string      { return l.pick("Sending…", "正在发送…") }
func (l Lang) BackToSignIn() string { return l.pick("Back to sign in", "返回登录") }

func (l Lang) WelcomeTo(org string) string { return l.fill("Welcome to %s", "欢迎使用 %s", org) }

func (l Lang) ChoosePassword() string {
	return l.pick("Choose a password for your account.", "请为您的账户设置密码。")
}
func (l Lang) NewPassword() string     { return l.pick("New password", "新密码") }
func (l Lang) RepeatPassword() string  { return l.pick("New password, again", "再次输入新密码") }
func (l Lang) CurrentPassword() string { return l.pick("Current password", "当前密码") }
func (l Lang) CreateAccount() string {
	return l.pick("Set password and sign in", "设置密码并登录")
}
func (l Lang) SetPassword() string { return l.pick("Set password", "设置密码") }
func (l Lang) RuleLength(n int) string {
	return l.fill("At least %s characters", "至少 %s 个字符", l.Number(int64(n)))
}

func (l Lang) RuleNotEmail() string { return l.pick("Not your email address", "不是您的邮箱") }

func (l Lang) RuleNotCommon() string {
	return l.pick("Not a common password (checked when you send it)", "不是常见密码（提交时检查）")
}

func (l Lang) ErrPasswordShort(n int) string {
	return l.fill("Use at least %s characters.", "至少使用 %s 个字符。", l.Number(int64(n)))
}

func (l Lang) ErrPasswordLong(n int) string {
	return l.fill("Use at most %s characters.", "最多使用 %s 个字符。", l.Number(int64(n)))
}

func (l Lang) ErrPasswordCommon() string {
	return l.pick("This password is on a list of common ones. Choose another.", "这是常见密码，请换一个。")
}

func (l Lang) ErrPasswordPersonal() string {
	return l.pick("This password holds your name or address. Choose another.", "密码包含您的名字或邮箱，请换一个。")
}

func (l Lang) ErrPasswordDiffers() string {
	return l.pick("The two passwords differ.", "两次输入的密码不一致。")
}

func (l Lang) ErrPasswordWrong() string {
	return l.pick("The current password is wrong.", "当前密码错误。")
}

func (l Lang) ErrEmail() string {
	return l.pick("This does not look like an email address.", "这不像邮箱地址。")
}

func (l Lang) LinkUsedTitle() string { return l.pick("This link was used", "此链接已使用") }
func (l Lang) LinkUsed(day string) string {
	return l.fill("This link was used on %s. Sign in, or ask for a new one.", "此链接已于 %s 使用。请登录，或索取新的链接。", day)
}
func (l Lang) LinkExpiredTitle() string { return l.pick("This link expired", "此链接已到期") }
func (l Lang) LinkExpired(day, who string) string {
	return l.fill("This link expired on %s. Ask %s for a new one.", "此链接已于 %s 到期。请向 %s 索取新的链接。", day, who)
}

func (l Lang) LinkUnknownTitle() string { return l.pick("This link is not known", "未知的链接") }

func (l Lang) LinkUnknown() string {
	return l.pick("Check that you have all of the link, or ask an admin for a new one.", "请检查链接是否完整，或向管理员索取新的链接。")
}

func (l Lang) StepOf(at, all int) string {
	return l.fill("Step %s of %s", "第 %s 步，共 %s 步", l.Number(int64(at)), l.Number(int64(all)))
}
func (l Lang) StepPassword() string { return l.pick("Password", "密码") }
func (l Lang) StepKey() string      { return l.pick("First key", "第一个密钥") }
func (l Lang) StepRequest() string  { return l.pick("First request", "第一次请求") }
func (l Lang) YouAreIn() string     { return l.pick("You are in", "您已登录") }
func (l Lang) FirstKeyTitle() string {
	return l.pick("Create your first key", "创建您的第一个密钥")
}

func (l Lang) FirstKeyText() string {
	return l.pick("An app uses a key to call models. You can set a budget for it and revoke it at any time.", "应用用密钥调用模型。您可以为它设置预算，并随时停用。")
}

func (l Lang) AskForKey() string {
	return l.pick("You may not create keys. Ask your team admin for one.", "您不能创建密钥，请向团队管理员索取。")
}
func (l Lang) SkipForNow() string { return l.pick("Skip for now", "暂时跳过") }
func (l Lang) FirstRequestTitle() string {
	return l.pick("Make your first request", "发出第一次请求")
}

func (l Lang) FirstRequestText() string {
	return l.pick("Put your key into GATEHOUSE_API_KEY and run this.", "把密钥放进 GATEHOUSE_API_KEY，然后运行：")
}

func (l Lang) WaitingForRequest() string {
	return l.pick("Waiting for the first request…", "正在等待第一次请求…")
}
func (l Lang) ItWorks() string      { return l.pick("It works", "成功了") }
func (l Lang) GoToOverview() string { return l.pick("Go to overview", "前往概览") }

func (l Lang) NotFoundTitle() string { return l.pick("Not found", "未找到") }
func (l Lang) NotFoundText() string {
	return l.pick("This page does not exist, or you may not see it.", "此页面不存在，或您无权查看。")
}
func (l Lang) ForbiddenTitle() string { return l.pick("Not allowed", "无权访问") }
func (l Lang) NeedsRole(role string) string {
	return l.fill("This page needs the role %s.", "此页面需要“%s”角色。", role)
}

func (l Lang) WhoHasRole(names string) string {
	return l.fill("Ask %s.", "请联系 %s。", names)
}
func (l Lang) ErrorTitle() string       { return l.pick("Something went wrong", "出了点问题") }
func (l Lang) UnavailableTitle() string { return l.pick("Not available right now", "暂时不可用") }

func (l Lang) UnavailableText() string {
	return l.pick("The gateway cannot reach its database. Your session is kept; try again in a moment.", "网关无法连接数据库。您的会话会保留，请稍后重试。")
}

func (l Lang) ErrorText() string {
	return l.pick("Try again; if it stays, give your admin this ID.", "请重试；如果仍然如此，请把这个 ID 交给管理员。")
}

func (l Lang) PortalOffTitle() string { return l.pick("The portal is turned off", "门户已关闭") }

func (l Lang) PortalOffText() string {
	return l.pick("Your admin turned the portal off. The API works as before.", "管理员已关闭门户，API 仍照常工作。")
}

func (l Lang) SignedOut() string     { return l.pick("You are signed out.", "您已退出登录。") }
func (l Lang) SSODebugTitle() string { return l.pick("SSO debug information", "SSO 调试信息") }
func (l Lang) SSODebugLead(provider string) string {
	return l.fill("What %s said about you. Nothing was created or changed.", "%s 返回的关于您的信息。没有创建或更改任何内容。", provider)
}
func (l Lang) Claims() string { return l.pick("Claims", "声明") }
