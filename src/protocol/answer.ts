/** Reads what came as JSON; a 2xx that it does not take is no answer. */
export interface AnswerSchema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false };
}

/** A value of this shape of which `fits` is true as well. To refine the schema for each request would cost more than to parse. */
export function where<T>(schema: AnswerSchema<T>, fits: (value: T) => boolean): AnswerSchema<T> {
  return {
    safeParse: (value) => {
      const parsed = schema.safeParse(value);
      return parsed.success && fits(parsed.data) ? parsed : { success: false };
    },
  };
}
