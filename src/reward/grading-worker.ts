/** The thread that judges answers by computer algebra, which may take any time: it is ended when it overruns. */
import { serveTasks } from "../base/serve-tasks.ts";
import { judgeByEngine, type Verdict } from "./answers/judge-answer.ts";

/** An answer and the gold answer to hold it against. */
export interface JudgingTask {
  answer: string;
  gold: string;
}

// The library is loaded before the first time limit begins: by an answer that it judges.
await judgeByEngine("3", "\\sum_{k=1}^{2} k");
serveTasks<JudgingTask, Verdict>(({ answer, gold }) => judgeByEngine(answer, gold));
