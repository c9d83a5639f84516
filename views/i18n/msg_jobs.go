package i18n

// Words of work that takes its time.

func (l Lang) JobBlocking(n int64) string {
	return l.count(n, "Blocking %s key", "Blocking %s keys", "正在停用 %s 个密钥")
}

func (l Lang) JobExtending(n int64) string {
	return l.count(n, "Extending %s key", "Extending %s keys", "正在为 %s 个密钥延期")
}

func (l Lang) JobDeleting(n int64) string {
	return l.count(n, "Deleting %s key", "Deleting %s keys", "正在删除 %s 个密钥")
}

func (l Lang) JobInviting(n int64) string {
	return l.count(n, "Inviting %s user", "Inviting %s users", "正在邀请 %s 位用户")
}

func (l Lang) JobLead() string {
	return l.pick("You can leave this page. The work goes on, and this page is kept for an hour.", "可以离开此页面，处理会继续，此页面保留一小时。")
}

func (l Lang) JobEndedLead() string {
	return l.pick("This page is kept for an hour.", "此页面保留一小时。")
}
func (l Lang) JobProgress() string { return l.pick("Progress", "进度") }
func (l Lang) JobOf(done, total int64) string {
	return l.fill("%s of %s", "共 %[2]s 行，已处理 %[1]s 行", l.Number(done), l.Number(total))
}

func (l Lang) JobRefused(n int64) string {
	return l.count(n, "%s could not be done so far", "%s could not be done so far", "目前有 %s 项未能完成")
}

func (l Lang) JobDone(done, all int64) string {
	if done == all {
		return l.count(all, "Done: %s row.", "Done: all %s rows.", "已完成：共 %s 行。")
	}
	return l.fill("Done: %s of %s rows. The others are listed below.", "已完成：%[2]s 行中的 %[1]s 行，其余见下方。", l.Number(done), l.Number(all))
}

func (l Lang) JobCancelled(done, all int64) string {
	return l.fill("Cancelled after %s of %s rows. What was done stays done.", "在 %[2]s 行中处理 %[1]s 行后取消，已完成的保持不变。", l.Number(done), l.Number(all))
}

func (l Lang) JobStopped(done, all int64) string {
	return l.fill("Stopped after %s of %s rows, because the server restarted or something went wrong. What was done stays done. Start it again for the rest.",
		"在 %[2]s 行中处理 %[1]s 行后中断：服务器重启或出现问题。已完成的保持不变，其余请重新开始。", l.Number(done), l.Number(all))
}

func (l Lang) JobCancelling() string {
	return l.pick("Ends after the present row…", "处理完当前行后结束…")
}
func (l Lang) JobCancel() string     { return l.pick("Cancel the rest", "取消剩余部分") }
func (l Lang) JobCancelBusy() string { return l.pick("Cancelling…", "正在取消…") }
func (l Lang) JobResult() string     { return l.pick("Download result", "下载结果") }
func (l Lang) JobLinksText() string {
	return l.pick("The file holds one link for each person. It can be downloaded for an hour.", "文件中每人一个链接，一小时内可以下载。")
}

func (l Lang) JobBusy() string {
	return l.pick("This work of yours is still running. Start the next when it has ended.", "您的这项处理仍在进行，结束后再开始下一项。")
}
func (l Lang) RecentImports() string { return l.pick("Recent imports", "最近的导入") }

// Exports.

func (l Lang) RowCount(n int64) string { return l.count(n, "%s row", "%s rows", "%s 行") }

// Exporting and Exported hold {n} for how much has come.
func (l Lang) Exporting() string { return l.pick("Exporting… {n}", "正在导出… {n}") }

func (l Lang) Exported() string {
	return l.pick("The export is complete: {n}.", "导出完成：{n}。")
}
