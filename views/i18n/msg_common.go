package i18n

// Words of the frame and of components used by many pages.

func (l Lang) Overview() string       { return l.pick("Overview", "概览") }
func (l Lang) APIKeys() string        { return l.pick("API keys", "API 密钥") }
func (l Lang) Usage() string          { return l.pick("Usage", "用量") }
func (l Lang) Logs() string           { return l.pick("Logs", "请求日志") }
func (l Lang) Playground() string     { return l.pick("Playground", "试验场") }
func (l Lang) Models() string         { return l.pick("Models", "模型") }
func (l Lang) APIReference() string   { return l.pick("API reference", "API 参考") }
func (l Lang) Teams() string          { return l.pick("Teams", "团队") }
func (l Lang) Users() string          { return l.pick("Users", "用户") }
func (l Lang) Budgets() string        { return l.pick("Budgets", "预算") }
func (l Lang) Caching() string        { return l.pick("Caching", "缓存分析") }
func (l Lang) AuditLog() string       { return l.pick("Audit log", "审计日志") }
func (l Lang) Settings() string       { return l.pick("Settings", "设置") }
func (l Lang) Account() string        { return l.pick("Account", "账户") }
func (l Lang) Administration() string { return l.pick("Administration", "管理") }

func (l Lang) RoleAdmin() string        { return l.pick("Admin", "管理员") }
func (l Lang) RoleAdminViewer() string  { return l.pick("Admin viewer", "管理员（仅查看）") }
func (l Lang) RoleInternalUser() string { return l.pick("Internal user", "内部用户") }
func (l Lang) RoleInternalViewer() string {
	return l.pick("Internal viewer", "内部用户（仅查看）")
}
func (l Lang) RoleTeamAdmin() string  { return l.pick("Team admin", "团队管理员") }
func (l Lang) RoleTeamMember() string { return l.pick("Member", "成员") }
func (l Lang) ViewOnly() string       { return l.pick("View only", "仅查看") }

func (l Lang) SkipToContent() string { return l.pick("Skip to content", "跳到正文") }
func (l Lang) SideBar() string       { return l.pick("Side bar", "侧边栏") }
func (l Lang) MainMenu() string      { return l.pick("Main", "主菜单") }
func (l Lang) Menu() string          { return l.pick("Menu", "菜单") }
func (l Lang) OpenMenu() string      { return l.pick("Open menu", "打开菜单") }
func (l Lang) BaseURL() string       { return l.pick("Base URL", "基础 URL") }
func (l Lang) Search() string        { return l.pick("Search", "搜索") }
func (l Lang) SearchOrJump() string  { return l.pick("Search or jump to…", "搜索或跳转…") }
func (l Lang) Language() string      { return l.pick("Language", "语言") }
func (l Lang) LanguageIs(name string) string {
	return l.fill("Language: %s", "语言：%s", name)
}
func (l Lang) Theme() string { return l.pick("Theme", "主题") }
func (l Lang) ThemeIs(name string) string {
	return l.fill("Theme: %s", "主题：%s", name)
}
func (l Lang) ThemeSystem() string { return l.pick("System", "跟随系统") }
func (l Lang) ThemeLight() string  { return l.pick("Light", "浅色") }
func (l Lang) ThemeDark() string   { return l.pick("Dark", "深色") }
func (l Lang) SignOut() string     { return l.pick("Sign out", "退出登录") }

func (l Lang) Offline() string {
	return l.pick("No connection. Nothing was saved.", "没有网络连接，什么都没有保存。")
}

func (l Lang) SomethingWrong() string {
	return l.pick("Something went wrong. Try again; if it stays, give your admin this ID:", "出了点问题。请重试；如果仍然如此，请把这个 ID 交给管理员：")
}

// CouldNotLoad is for a list or a panel, by its title.
func (l Lang) CouldNotLoad(what string) string {
	return l.fill("%s could not be loaded. Try again; if it stays, give your admin this ID.", "无法加载“%s”。请重试；如果仍然如此，请把这个 ID 交给管理员。", what)
}

func (l Lang) SomethingWrongShort() string {
	return l.pick("Something went wrong. Try again.", "出了点问题，请重试。")
}

func (l Lang) CloseWithoutCopying() string {
	return l.pick("Close without copying? You cannot see this key again.", "还没有复制就关闭？以后无法再看到这个密钥。")
}

func (l Lang) SessionEndsSoon() string {
	return l.pick("Your session ends in 5 minutes.", "您的会话将在 5 分钟后结束。")
}
func (l Lang) StaySignedIn() string { return l.pick("Stay signed in", "保持登录") }

func (l Lang) Cancel() string   { return l.pick("Cancel", "取消") }
func (l Lang) Close() string    { return l.pick("Close", "关闭") }
func (l Lang) Dismiss() string  { return l.pick("Dismiss", "关闭提示") }
func (l Lang) Save() string     { return l.pick("Save changes", "保存更改") }
func (l Lang) Saving() string   { return l.pick("Saving…", "正在保存…") }
func (l Lang) Undo() string     { return l.pick("Undo", "撤销") }
func (l Lang) Retry() string    { return l.pick("Retry", "重试") }
func (l Lang) TryAgain() string { return l.pick("Try again", "重试") }
func (l Lang) Apply() string    { return l.pick("Apply", "应用") }
func (l Lang) Filter() string   { return l.pick("Filter", "筛选") }
func (l Lang) Clear() string    { return l.pick("Clear", "清除") }
func (l Lang) ClearFilters() string {
	return l.pick("Clear filters", "清除筛选条件")
}
func (l Lang) Remove() string    { return l.pick("Remove", "移除") }
func (l Lang) Edit() string      { return l.pick("Edit", "编辑") }
func (l Lang) Open() string      { return l.pick("Open", "打开") }
func (l Lang) Back() string      { return l.pick("Back", "返回") }
func (l Lang) ViewAll() string   { return l.pick("View all", "查看全部") }
func (l Lang) ExportCSV() string { return l.pick("Export CSV", "导出 CSV") }
func (l Lang) Copy() string      { return l.pick("Copy", "复制") }
func (l Lang) CopyOf(what string) string {
	return l.fill("Copy %s", "复制%s", l.lowerFirst(what))
}
func (l Lang) Copied() string     { return l.pick("Copied", "已复制") }
func (l Lang) PressCtrlC() string { return l.pick("Press Ctrl C to copy", "按 Ctrl C 复制") }
func (l Lang) CopyKeyID() string  { return l.pick("Copy key ID", "复制密钥 ID") }
func (l Lang) Loading() string    { return l.pick("Loading…", "正在加载…") }
func (l Lang) ShowPassword() string {
	return l.pick("Show password", "显示密码")
}
func (l Lang) Optional() string     { return l.pick("optional", "选填") }
func (l Lang) BudgetPeriod() string { return l.pick("Budget resets", "预算重置周期") }
func (l Lang) FixThese(n int) string {
	return l.count(int64(n), "%s thing needs a change:", "%s things need a change:", "有 %s 处需要修改：")
}
func (l Lang) NoMatches() string    { return l.pick("Nothing matches.", "没有匹配项。") }
func (l Lang) ResultsFound() string { return l.pick("{n} found", "找到 {n} 项") }
func (l Lang) NoneChosen(all string) string {
	return l.fill("None chosen: %s.", "未选择：%s。", l.lowerFirst(all))
}
func (l Lang) RequestIDLabel() string { return l.pick("Request ID", "请求 ID") }

func (l Lang) Up() string        { return l.pick("up", "上升") }
func (l Lang) Down() string      { return l.pick("down", "下降") }
func (l Lang) Total() string     { return l.pick("Total", "合计") }
func (l Lang) SoFar() string     { return l.pick("so far", "截至目前") }
func (l Lang) ShowTable() string { return l.pick("Show as table", "以表格显示") }
func (l Lang) ChartKeys() string {
	return l.pick("Chart. Left and right arrow keys read one bar at a time.", "图表。用左右方向键逐条读取。")
}

func (l Lang) ChartSummary(title, from, to, best, most string) string {
	return l.fill("%s, %s to %s. Highest: %s, %s.", "%s，%s 至 %s。最高：%s，%s。", title, from, to, best, most)
}

func (l Lang) Pages() string        { return l.pick("Pages", "分页") }
func (l Lang) Rows() string         { return l.pick("Rows", "每页行数") }
func (l Lang) PreviousPage() string { return l.pick("Previous page", "上一页") }
func (l Lang) NextPage() string     { return l.pick("Next page", "下一页") }

// PageSummary counts a numbered page of a list: "1–25 of 214".
func (l Lang) PageSummary(first, last, total int64) string {
	return l.fill("%s–%s of %s", "第 %s–%s 条，共 %s 条", l.Number(first), l.Number(last), l.Number(total))
}

// SelectedTemplate has {n} where the script puts the number.
func (l Lang) SelectedTemplate() string { return l.pick("{n} selected", "已选 {n} 项") }

func (l Lang) WithSelected() string { return l.pick("With the selected rows:", "对所选的行：") }

func (l Lang) Before() string { return l.pick("Before", "之前") }
func (l Lang) After() string  { return l.pick("After", "之后") }

func (l Lang) Actions() string {
	return l.pick("Actions", "操作")
}

func (l Lang) ActionsFor(name string) string {
	return l.fill("Actions for %s", "%s 的操作", name)
}
func (l Lang) Select(name string) string { return l.fill("Select %s", "选择 %s", name) }
func (l Lang) SelectPage() string        { return l.pick("Select all on this page", "选择本页全部") }

func (l Lang) TimesIn(zone string) string {
	return l.fill("Times in %s", "时间均为 %s 时区", zone)
}

func (l Lang) DaysIn(zone string) string {
	return l.fill("Days are counted in %s.", "按 %s 时区划分日期。", zone)
}
func (l Lang) ChangeTimeZone() string { return l.pick("Change time zone", "更改时区") }
func (l Lang) NumbersOld(minutes int64) string {
	return l.fill("Numbers are %s old.", "数据已有 %s未更新。", l.Minutes(minutes))
}

// Periods of budgets.
func (l Lang) PerHour() string  { return l.pick("per hour", "每小时") }
func (l Lang) PerDay() string   { return l.pick("per day", "每天") }
func (l Lang) PerWeek() string  { return l.pick("per week", "每周") }
func (l Lang) PerMonth() string { return l.pick("per month", "每月") }
func (l Lang) NoReset() string  { return l.pick("in total", "总计") }

// Every names a period that has no word of its own: "per 10d".
func (l Lang) Every(duration string) string { return l.fill("per %s", "每 %s", duration) }

// Answers that any page may give.
func (l Lang) Forbidden(who string) string {
	return l.fill("You may see this, but not change it. %s can.", "您可以查看，但不能修改。%s 可以修改。", who)
}

func (l Lang) Conflict(at string) string {
	return l.fill("Someone changed this at %s. Reload to see it; your text is kept below.", "有人在 %s 修改了它。请重新加载查看；您输入的内容保留在下方。", at)
}

func (l Lang) TooManyTries(minutes int64) string {
	return l.fill("Too many tries. Try again in %s.", "尝试次数过多，请在 %s后重试。", l.Minutes(minutes))
}
func (l Lang) NotKnown() string { return l.pick("not known", "未知") }
func (l Lang) None() string     { return l.pick("None", "无") }
func (l Lang) Never() string    { return l.pick("Never", "从不") }
func (l Lang) All() string      { return l.pick("All", "全部") }
func (l Lang) Yes() string      { return l.pick("Yes", "是") }
func (l Lang) No() string       { return l.pick("No", "否") }
