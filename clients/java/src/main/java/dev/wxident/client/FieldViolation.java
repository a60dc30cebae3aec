package dev.wxident.client;

/**
 * One wrong field of a request.
 *
 * @param field its path, such as {@code app_id}
 * @param description what is wrong with it
 */
public record FieldViolation(String field, String description) {}
