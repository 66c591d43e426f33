// Short words at the top of the page about what has happened.
import { ElMessage } from 'element-plus'
import 'element-plus/es/components/message/style/css'
import 'element-plus/es/components/message-box/style/css'

export const done = message => ElMessage({ message, type: 'success', duration: 3500, showClose: true })
// 401 is answered by signing in again: nothing to read
export const failed = problem => problem.status !== 401 && ElMessage({ message: problem.message || String(problem), type: 'error', duration: 7000, showClose: true })
export const warn = message => ElMessage({ message, type: 'warning', duration: 5000, showClose: true })
