import { DataError } from "../base/errors.ts";
import type { Problem } from "../records/problem.ts";
import { canGrade } from "../reward/rules.ts";
import { gradingOf, type WordSettings } from "./recipe-task.ts";

const MOST_LISTED = 20;

/**
 * Which gold answers the task's grading cannot read, in words, for the user to see before anything is trained; empty when it
 * reads all. Attempts at such problems are never right or wrong: they count as ungraded.
 *
 * @param problems of training and measuring
 * @throws DataError when it can read none of them
 */
export function remarksOnGold(
  settings: WordSettings,
  problems: Readonly<Record<"train" | "validation" | "test", readonly Problem[]>>,
): string[] {
  const rule = gradingOf(settings);
  const all = [...problems.train, ...problems.validation, ...problems.test];
  const unreadable = all.filter(({ answer }) => !canGrade(answer, rule));
  if (unreadable.length === 0) return [];
  const lines = unreadable.slice(0, MOST_LISTED).map(({ id, answer }) => `${id}: \`${answer.slice(0, 80)}\``);
  if (unreadable.length > MOST_LISTED) lines.push(`and ${unreadable.length - MOST_LISTED} more`);
  if (unreadable.length === all.length)
    throw new DataError(
      `${settings.data}: expected gold answers that the grading ${rule} can read, got none; choose another task.grading, or ` +
        `name the column of answers\n${lines.join("\n")}`,
    );
  const [are, problem] = unreadable.length === 1 ? ["gold answer", "its problem"] : ["gold answers", "their problems"];
  return [
    `${unreadable.length} ${are} cannot be read by the grading ${rule}: attempts at ${problem} are not scored\n${lines.join("\n")}`,
  ];
}
